"""A simulated rule reports what the alerts of the same calls would have been, call by call."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import notification_rule_pb2
from megarouter.admin.v1.notification_rule_pb2 import NotificationRecipient, NotificationRule
from megarouter.type.v1.time_range_pb2 import TimeRange

from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.admin_service.conftest import Client
from tests.contract.usage_service.settlement_cases import CATALOG, ROLE, charge, make_hold, make_settlement
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.settlement.store import settle_batch

ACME = "organizations/acme"
CALL = charge()
MAY = dt.datetime(2026, 5, 4, 10, tzinfo=dt.UTC)
TO_OWNER = NotificationRecipient(audience=NotificationRecipient.AUDIENCE_OWNER)


@pytest.fixture
async def usage(owner: asyncpg.Connection, people: None, database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Connections of usage_service's role."""
    await sync_catalog(owner, CATALOG)
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as pool:
        yield pool


async def call(owner: asyncpg.Connection, member: str, times: Sequence[dt.datetime]) -> None:
    group = ("sales",) if member == "sales" else ("eng", "platform", "inference")
    holds = [
        make_hold(
            placed_epoch_us=int(time.timestamp() * 1e6),
            counters=(),
            member=member,
            api_key=f"key-{member}",
            group_path=group,
        )
        for time in times
    ]
    await settle_batch(owner, [make_settlement(hold) for hold in holds])


async def set_budgets(owner: asyncpg.Connection, usage: asyncpg.Pool) -> None:
    """Gives member `below` a monthly budget of ten calls, and `sales` a daily one of two."""
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle) VALUES"
        " ('acme', 'member', 'below', $1, 'MONTHLY'), ('acme', 'member', 'sales', $2, 'DAILY')",
        10 * CALL, 2 * CALL,
    )  # fmt: skip
    await caught_up(RollupFollower(usage))


def at(day: int, minute: int = 0) -> dt.datetime:
    return MAY + dt.timedelta(days=day, minutes=minute)


async def simulated(
    client: Client, scope: str = "", member: str = "super", **settings: Any
) -> notification_rule_pb2.SimulateNotificationRuleResponse:
    wanted = NotificationRule(
        display_name="Try", scope=f"{ACME}{scope}", recipients=[TO_OWNER],
        **{"threshold_percents": [80, 90, 100], **settings},
    )  # fmt: skip
    start, end = Timestamp(), Timestamp()
    start.FromDatetime(MAY.replace(day=1, hour=0))
    end.FromDatetime(MAY.replace(month=6, day=1, hour=0))
    request = notification_rule_pb2.SimulateNotificationRuleRequest(
        parent=ACME, notification_rule=wanted, time_range=TimeRange(start_time=start, end_time=end)
    )
    answer: notification_rule_pb2.SimulateNotificationRuleResponse = await client.call(
        "SimulateNotificationRule", request, member
    )
    return answer


async def test_thresholds_crossed_within_an_hour_are_told_apart_call_by_call(
    client: Client, owner: asyncpg.Connection, usage: asyncpg.Pool
) -> None:
    """Seen to find one alert when only hours were replayed."""
    await call(owner, "below", [at(0, minute) for minute in range(10)])
    await set_budgets(owner, usage)
    found = await simulated(client, "/members/below")
    assert [one.threshold_percent for one in found.alerts] == [80, 90, 100]
    assert [one.occur_time.ToDatetime(dt.UTC) for one in found.alerts] == [at(0, 7), at(0, 8), at(0, 9)]
    assert (found.alert_count, found.replayed_count, found.approximate) == (3, 1, False)


async def test_each_period_of_each_budget_is_replayed(
    client: Client, owner: asyncpg.Connection, usage: asyncpg.Pool
) -> None:
    await call(owner, "sales", [at(day, minute) for day in (1, 2) for minute in (0, 1)])
    await call(owner, "below", [at(-7), *(at(number) for number in range(8))])
    await set_budgets(owner, usage)
    found = await simulated(client)
    told = [
        (one.scope.rpartition("/")[2], one.threshold_percent, one.occur_time.ToDatetime(dt.UTC)) for one in found.alerts
    ]
    assert told == [
        ("sales", 100, at(1, 1)),
        ("sales", 100, at(2, 1)),
        ("below", 80, at(7)),
    ]


async def test_it_says_what_it_cannot_replay(client: Client, owner: asyncpg.Connection, usage: asyncpg.Pool) -> None:
    await set_budgets(owner, usage)
    found = await simulated(client, event_types=["budget.threshold_reached", "budget.exhausted"])
    assert list(found.unsupported_event_types) == ["budget.exhausted"]


async def test_an_admin_simulates_only_in_the_own_subtree(
    client: Client, owner: asyncpg.Connection, usage: asyncpg.Pool
) -> None:
    await set_budgets(owner, usage)
    assert (await simulated(client, "/members/below", "sub")).replayed_count == 1
    request = notification_rule_pb2.SimulateNotificationRuleRequest(
        parent=ACME,
        notification_rule=NotificationRule(
            display_name="Try", scope=f"{ACME}/members/sales", recipients=[TO_OWNER], threshold_percents=[80]
        ),
    )
    assert (await client.failure("SimulateNotificationRule", request, "sub")).reason == "PERMISSION_DENIED"


async def test_a_limit_that_was_set_for_a_while_counts_from_its_beginning_to_its_end(
    client: Client, owner: asyncpg.Connection, usage: asyncpg.Pool
) -> None:
    """Six calls by noon are more than the five of the day after noon; afterwards there are twenty again."""
    await call(owner, "below", [at(0, -60 * hour) for hour in range(6)])
    await call(owner, "below", [at(2, minute) for minute in range(10)])
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle)"
        " VALUES ('acme', 'member', 'below', $1, 'MONTHLY')", 20 * CALL,
    )  # fmt: skip
    noon = at(0, 120)
    limit = {"temporaryLimit": {"endTime": at(1).isoformat(), "budgetNanoCredits": str(5 * CALL)}}
    await owner.execute(
        "INSERT INTO audit_log (organization_id, user_id, member_id, role, method, resource_name, before, after, create_time)"
        " SELECT 'acme', user_id, member_id, 'SUPER_ADMIN', 'a.B/C', 'organizations/acme/guardrails/member-below', '{}',"
        " $1, $2 FROM members WHERE organization_id = 'acme' AND member_id = 'super'", json.dumps(limit), noon,
    )  # fmt: skip
    await caught_up(RollupFollower(usage))
    found = await simulated(client, "/members/below")
    told = [
        (one.occur_time.ToDatetime(dt.UTC), one.threshold_percent, one.limit_nano_credits // CALL)
        for one in found.alerts
    ]
    assert told == [(noon, 100, 5), (at(2, 9), 80, 20)]
    assert not found.approximate
