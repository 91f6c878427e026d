"""A budget that crosses a threshold is reported once, with the call that crossed, to the recipients of the rule."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, period_at
from gateway_core.model.organization.scopes import ScopeKind
from tests.contract.usage_service.alerts.alert_cases import CALL, MEMBER, calls, refuse, set_budget
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare
from tests.support.usage.histories import expiry
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.follower import AlertFollower
from usage_service.settlement.store import settle_batch


async def told(owner: asyncpg.Connection) -> Sequence[str]:
    rows = await owner.fetch("SELECT threshold, epoch FROM alert_events ORDER BY create_time, epoch")
    return [f"{threshold} {epoch}" if epoch else threshold for threshold, epoch in rows]


async def only_event(owner: asyncpg.Connection) -> dict[str, Any]:
    (row,) = await owner.fetch("SELECT data FROM alert_events")
    return dict(json.loads(row["data"]))


async def test_a_threshold_is_told_once(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    await calls(owner, 7)
    await follower.follow_once()
    assert await told(owner) == []
    await calls(owner, 1)
    await follower.follow_once()
    await follower.follow_once()
    assert await told(owner) == ["80%"]
    await calls(owner, 1)
    await follower.follow_once()
    assert await told(owner) == ["80%", "90%"]


async def test_of_several_thresholds_crossed_at_once_the_highest_is_told(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await calls(owner, 12)
    await follower.follow_once()
    assert await told(owner) == ["100%"]


async def test_the_event_proves_which_call_crossed(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    await calls(owner, 9)
    await follower.follow_once()
    row = await owner.fetchrow("SELECT sequence, hold_id FROM usage_records ORDER BY sequence OFFSET 8 LIMIT 1")
    assert row is not None
    assert (await only_event(owner))["proof"] == {
        "ledgerPosition": str(row["sequence"]),
        "call": f"organizations/acme/calls/{row['hold_id']}",
        "spentBeforeNanoCredits": str(8 * CALL),
        "spentAfterNanoCredits": str(9 * CALL),
    }


async def test_the_owner_and_the_admins_of_the_group_find_it_in_their_inbox(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await calls(owner, 8)
    await follower.follow_once()
    assert [row[0] for row in await owner.fetch("SELECT member_id FROM inbox_entries ORDER BY 1")] == ["ada", "mia"]


async def test_a_channel_gets_one_delivery(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target)"
        " VALUES ('acme', 'ops', 'CALLBACK', 'Ops', 'example.org', '')"
    )
    recipients = '[{"kind": "CHANNEL", "id": "ops"}, {"kind": "CHANNEL", "id": "gone"}]'
    await owner.execute("UPDATE notification_rules SET recipients = $1, update_time = now()", recipients)
    await calls(owner, 8)
    await follower.follow_once()
    assert [row[0] for row in await owner.fetch("SELECT channel_id FROM notification_deliveries")] == ["ops"]


async def test_a_raised_limit_arms_the_thresholds_again(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    await calls(owner, 8)
    await follower.follow_once()
    await set_budget(owner, 20)
    await follower.follow_once()
    await calls(owner, 8)
    await follower.follow_once()
    assert await told(owner) == ["80%", "80% 1"]


async def test_a_lowered_limit_tells_without_a_call(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    await calls(owner, 7)
    await follower.follow_once()
    await set_budget(owner, 8)
    await follower.follow_once()
    assert await told(owner) == ["80%"]
    assert (await only_event(owner))["proof"] is None


async def test_a_raised_limit_tells_that_an_exhausted_budget_has_recovered(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await calls(owner, 10)
    await follower.follow_once()
    await set_budget(owner, 100)
    await follower.follow_once()
    assert await told(owner) == ["100%", "below 100%"]


async def test_a_removed_budget_tells_that_it_has_recovered(owner: asyncpg.Connection, follower: AlertFollower) -> None:
    """Seen to tell nothing, which leaves an incident open, when a counter without a limit was left out."""
    await calls(owner, 10)
    await follower.follow_once()
    await owner.execute("UPDATE guardrails SET budget_nano_credits = NULL")
    for _ in range(2):
        await follower.follow_once()
    assert await told(owner) == ["100%", "below 100%"]
    data = json.loads(await owner.fetchval("SELECT data FROM alert_events WHERE event_type = 'budget.recovered'"))
    assert data["budget"]["limitNanoCredits"] is None


async def test_a_correction_is_told_as_the_call_that_crossed(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    late = make_settlement(make_hold(counters=(MEMBER,), placed_epoch_us=int(time.time() * 1e6)))
    await settle_batch(owner, [expiry(late)])
    before = await owner.fetchval("SELECT settled_nano_credits FROM scope_spend")
    await set_budget(owner, 1)
    await owner.execute("UPDATE guardrails SET budget_nano_credits = $1", max(before, CALL) * 10)
    await follower.follow_once()
    assert await told(owner) == []
    await settle_batch(owner, [late])
    await owner.execute("UPDATE guardrails SET budget_nano_credits = $1", CALL)
    await follower.follow_once()
    assert await told(owner) == ["100%"]


async def test_history_sends_nothing_but_the_highest_threshold_of_the_running_period(
    owner: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await prepare(owner)
    await set_budget(owner, 10, "DAILY")
    revision = await owner.fetchval("SELECT cycle_revision FROM guardrails")
    today = period_at(Cycle.DAILY, ZoneInfo("UTC"), time.time()).start_epoch_s
    for days_ago in (0, 1, 5):
        await calls(owner, 12, Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, today - days_ago * 86_400, revision))
    await AlertFollower(pool, AccountRefusals()).follow_once()
    assert await told(owner) == ["100%"]


async def test_charges_of_periods_that_are_long_over_are_history(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await set_budget(owner, 10, "DAILY")
    revision = await owner.fetchval("SELECT cycle_revision FROM guardrails")
    today = period_at(Cycle.DAILY, ZoneInfo("UTC"), time.time()).start_epoch_s
    await calls(owner, 12, Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, today - 3 * 86_400, revision))
    await follower.follow_once()
    assert await told(owner) == []


async def test_many_settlements_and_processes_at_once_tell_once(
    owner: asyncpg.Connection, pool: asyncpg.Pool, follower: AlertFollower, database_url: str
) -> None:
    await set_budget(owner, 100)
    async with asyncpg.create_pool(database_url, min_size=4, max_size=4) as settlers:

        async def settle(count: int) -> None:
            async with settlers.acquire() as connection:
                await calls(connection, count)

        others = [AlertFollower(pool, AccountRefusals()) for _ in range(3)]
        for _ in range(5):
            await asyncio.gather(*(settle(4) for _ in range(5)), *(one.follow_once() for one in (follower, *others)))
    await follower.follow_once()
    found = await told(owner)
    assert len(found) == len(set(found))
    assert found[-1] == "100%"


async def test_the_id_of_an_event_is_the_same_after_a_restore(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await calls(owner, 8)
    await follower.follow_once()
    before = await owner.fetchval("SELECT event_id FROM alert_events")
    position = await owner.fetchval("SELECT sequence FROM ledger_heads") - 8
    await owner.execute("TRUNCATE alert_events, alert_states CASCADE")
    await owner.execute("UPDATE alert_positions SET sequence = $1", position)
    await follower.follow_once()
    assert await owner.fetchval("SELECT event_id FROM alert_events") == before


async def test_a_budget_that_refuses_calls_is_told_once_for_each_limit(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await calls(owner, 7)
    await refuse(owner)
    for _ in range(3):
        await follower.follow_once()
    assert await told(owner) == [f"exhausted {10 * CALL}"]
    await owner.execute(
        "UPDATE guardrails SET budget_nano_credits = $1, update_time = now() + interval '4 seconds'", 12 * CALL
    )
    await follower.follow_once()
    assert await told(owner) == [f"exhausted {10 * CALL}"]
    await owner.execute("UPDATE refused_calls SET update_time = now() + interval '9 seconds'")
    await follower.follow_once()
    assert await told(owner) == [f"exhausted {10 * CALL}", f"exhausted {12 * CALL}"]


async def test_a_rule_of_a_lower_scope_takes_the_place_of_the_one_above(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await owner.execute(
        "INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents,"
        " recipients, overrides_rule_id) VALUES ('acme', 'lower', 'Lower', '{budget.threshold_reached}', 'group', 'research',"
        " '{50}', '[{\"kind\": \"OWNER\"}]', 'budgets')"
    )
    await calls(owner, 8)
    await follower.follow_once()
    assert await told(owner) == ["50%"]
    await owner.execute("UPDATE notification_rules SET state = 'DISABLED', update_time = now() WHERE rule_id = 'lower'")
    await calls(owner, 1)
    await follower.follow_once()
    assert await told(owner) == ["50%"]


async def test_a_member_is_reached_by_the_inbox_and_the_personal_channel(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target, member_id)"
        " VALUES ('acme', 'of-mia', 'SLACK', 'Mine', 'example.org', '', 'mia'), ('acme', 'of-sue', 'SLACK', 'Mine', 'x', '', 'sue')"
    )
    await calls(owner, 8)
    await follower.follow_once()
    assert [row[0] for row in await owner.fetch("SELECT channel_id FROM notification_deliveries")] == ["of-mia"]


async def test_who_has_left_the_group_of_a_rule_gets_nothing_more(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    recipients = '[{"kind": "MEMBER", "id": "ada", "group": "research"}, {"kind": "MEMBER", "id": "sue"}]'
    await owner.execute("UPDATE notification_rules SET recipients = $1, update_time = now()", recipients)
    await calls(owner, 8)
    await follower.follow_once()
    await owner.execute("UPDATE members SET role = 'MEMBER', group_id = NULL WHERE member_id = 'ada'")
    await calls(owner, 1)
    await follower.follow_once()
    rows = await owner.fetch("SELECT member_id FROM inbox_entries ORDER BY create_time, member_id")
    assert [row[0] for row in rows] == ["ada", "sue", "sue"]


async def test_a_member_who_moves_is_reported_to_the_admins_of_the_new_group_from_then_on(
    owner: asyncpg.Connection, follower: AlertFollower
) -> None:
    await owner.execute("INSERT INTO users VALUES ('u-bob', NULL, 'Bob')")
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, path, display_name) VALUES ('acme', 'ops', '{ops}', 'Ops')"
    )
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role)"
        " VALUES ('acme', 'bob', 'u-bob', 'ops', 'L1_ADMIN')"
    )
    for _ in range(2):
        await calls(owner, 8 if not await told(owner) else 1)
        await follower.follow_once()
        await owner.execute("UPDATE members SET group_id = 'ops' WHERE member_id = 'mia'")
    rows = await owner.fetch(
        "SELECT e.threshold, array_agg(i.member_id ORDER BY i.member_id) AS members FROM inbox_entries i"
        " JOIN alert_events e USING (organization_id, event_id) GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("80%", ["ada", "mia"]), ("90%", ["bob", "mia"])]
