"""Each type of event has a cause that makes it: no type is only declared."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import asyncpg
import pytest

from admin_service.resources.notification_channels.store import add_test
from gateway_core.model.alerts import event_types
from tests.contract.usage_service.alerts.alert_cases import calls, refuse, set_budget
from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.held.follower import HeldFollower
from usage_service.alerts.notices.disabled_channels import disabled_channels
from usage_service.alerts.notices.ended_exports import ended_exports
from usage_service.alerts.sources.all_sources import SOURCES


@dataclass(frozen=True)
class Alerts:
    """An organization in which Mia has a budget of ten calls, and what decides about its alerts."""

    owner: asyncpg.Connection
    pool: asyncpg.Pool
    follower: AlertFollower


@pytest.fixture
async def alerts(owner: asyncpg.Connection, pool: asyncpg.Pool, follower: AlertFollower) -> Alerts:
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target)"
        " VALUES ('acme', 'ops', 'CALLBACK', 'Ops', 'example.org', '')"
    )
    return Alerts(owner, pool, follower)


async def threshold_reached(alerts: Alerts) -> None:
    await calls(alerts.owner, 8)


async def recovered(alerts: Alerts) -> None:
    await calls(alerts.owner, 10)
    await alerts.follower.follow_once()
    await set_budget(alerts.owner, 100)


async def exhausted(alerts: Alerts) -> None:
    await calls(alerts.owner, 7)
    await refuse(alerts.owner)


async def digest(alerts: Alerts) -> None:
    await alerts.owner.execute(
        'UPDATE notification_rules SET frequency = \'DAILY\', recipients = \'[{"kind": "CHANNEL", "id": "ops"}]\''
    )
    await calls(alerts.owner, 8)
    await alerts.follower.follow_once()
    await alerts.owner.execute("UPDATE held_alerts SET send_time = now()")
    await HeldFollower(alerts.pool).release_once()


async def channel_disabled(alerts: Alerts) -> None:
    await alerts.owner.execute("UPDATE notification_channels SET state = 'DISABLED', disable_time = now()")
    await disabled_channels(alerts.pool).report_once()


async def export_ended(alerts: Alerts, state: str) -> None:
    await alerts.owner.execute(
        "INSERT INTO usage_exports (organization_id, export_id, requester, member_id, role, group_path, request, schedule_id,"
        " state, end_time, expire_time) VALUES ('acme', 'one', 'users/mia', 'mia', 'MEMBER', '{}', '', 'weekly', $1, now(), now())",
        state,
    )
    await ended_exports(alerts.pool).report_once()


async def closed(alerts: Alerts) -> None:
    await alerts.owner.execute("UPDATE notification_channels SET kind = 'PAGERDUTY'")
    await alerts.owner.execute('UPDATE notification_rules SET recipients = \'[{"kind": "CHANNEL", "id": "ops"}]\'')
    await calls(alerts.owner, 8)
    await alerts.follower.follow_once()
    await alerts.owner.execute("UPDATE notification_rules SET state = 'DISABLED', update_time = now()")


async def tested(alerts: Alerts) -> None:
    await add_test(alerts.owner, "acme", "ops", "evt-test", "dlv-test", "{}")


CAUSES: Final[dict[str, Callable[[Alerts], Awaitable[None]]]] = {
    event_types.THRESHOLD_REACHED: threshold_reached,
    event_types.RECOVERED: recovered,
    event_types.EXHAUSTED: exhausted,
    event_types.DIGEST: digest,
    event_types.ALERT_CLOSED: closed,
    event_types.CHANNEL_DISABLED: channel_disabled,
    event_types.EXPORT_READY: lambda alerts: export_ended(alerts, "SUCCEEDED"),
    event_types.EXPORT_FAILED: lambda alerts: export_ended(alerts, "FAILED"),
    event_types.TEST: tested,
}


def test_each_declared_type_has_a_cause() -> None:
    declared = {value for name, value in vars(event_types).items() if name.isupper() and isinstance(value, str)}
    of_sources = frozenset().union(*(source.event_types for source in SOURCES))
    assert declared == set(CAUSES) | of_sources, "the tests of the sources make the others"


@pytest.mark.parametrize("event_type", CAUSES)
async def test_each_type_is_really_made(alerts: Alerts, event_type: str) -> None:
    await CAUSES[event_type](alerts)
    await alerts.follower.follow_once()
    assert event_type in {row[0] for row in await alerts.owner.fetch("SELECT event_type FROM alert_events")}
