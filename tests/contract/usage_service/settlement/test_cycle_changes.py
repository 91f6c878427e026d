"""A change of a budget's cycle never resets usage, including the usage of calls that are under way during the change.

A reset does, and leaves the calls that are under way to the period in which they were placed.
"""

import random
import time
from dataclasses import dataclass, replace

import asyncpg
import pytest
from redis.asyncio import Redis

from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.holds import Hold, HoldState
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.redis.hold_counters import CounterEvent, HoldCounters
from gateway_core.stores.redis.keys import counter_key
from tests.contract.usage_service.audit.books import audit, broken
from tests.contract.usage_service.service_runs import numbers, place
from tests.contract.usage_service.settlement_cases import (
    ROLE,
    SCHEDULE,
    charge,
    make_hold,
    make_settlement,
    prepare,
    register,
)
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.settlement.charge_decision import CallReport, ExpiredHoldPolicy, expire
from usage_service.settlement.cycle_change_store import UnchangedCounters
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

SCOPES = ((ScopeKind.API_KEY, "key-1"), (ScopeKind.MEMBER, "mia"), (ScopeKind.ORGANIZATION, "acme"))
US = 10**6


async def set_cycle(owner: asyncpg.Connection, kind: ScopeKind, scope_id: str, cycle: Cycle) -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle) VALUES ('acme', $1, $2, $3)"
        " ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET cycle = excluded.cycle",
        kind, scope_id, cycle,
    )  # fmt: skip


async def present_counters(owner: asyncpg.Connection) -> tuple[Counter, ...]:
    """Returns the counters on which a call placed now would be held."""
    counters = []
    for kind, scope_id in SCOPES:
        row = await owner.fetchrow(
            "SELECT coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS revision,"
            "       extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone))::bigint AS start"
            "  FROM organizations o LEFT JOIN guardrails r"
            "    ON r.organization_id = o.organization_id AND r.scope_kind = $1 AND r.scope_id = $2"
            " WHERE o.organization_id = 'acme'",
            kind, scope_id,
        )  # fmt: skip
        assert row is not None
        counters.append(Counter(kind, scope_id, Cycle(row["cycle"]), row["start"], row["revision"]))
    return tuple(counters)


async def placed_now(owner: asyncpg.Connection, counters: tuple[Counter, ...] | None = None) -> Hold:
    hold = make_hold(counters=counters or await present_counters(owner), placed_epoch_us=int(time.time() * US))
    await register(owner, hold)
    return hold


async def used(owner: asyncpg.Connection, kind: ScopeKind, scope_id: str) -> tuple[int, int]:
    """Returns spend and calls of the current cycle, as shown to admins."""
    row = await owner.fetchrow("SELECT spent_nano_credits, call_count FROM present_use('acme', $1, $2)", kind, scope_id)
    assert row is not None
    return row["spent_nano_credits"], row["call_count"]


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
@pytest.mark.parametrize("cycle", [Cycle.NEVER, Cycle.DAILY, Cycle.MONTHLY])
async def test_calls_under_way_count_in_the_new_cycle(
    owner: asyncpg.Connection, kind: ScopeKind, scope_id: str, cycle: Cycle
) -> None:
    """Seen to fail without later counters: two calls were missing."""
    await prepare(owner)
    holds = [await placed_now(owner) for _ in range(3)]
    await settle_batch(owner, [make_settlement(holds[0])])
    await set_cycle(owner, kind, scope_id, cycle)
    await settle_batch(owner, [make_settlement(hold) for hold in holds[1:]])
    assert await used(owner, kind, scope_id) == (3 * charge(), 3)


async def test_calls_placed_before_a_replica_noticed_the_change_count_too(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    before = await present_counters(owner)
    await set_cycle(owner, *SCOPES[0], Cycle.DAILY)
    hold = await placed_now(owner, before)
    await settle_batch(owner, [make_settlement(hold)])
    assert await used(owner, *SCOPES[0]) == (charge(), 1)


async def test_calls_under_way_count_after_a_change_of_time_zone(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await set_cycle(owner, *SCOPES[1], Cycle.MONTHLY)
    hold = await placed_now(owner)
    await owner.execute("UPDATE organizations SET time_zone = 'Pacific/Auckland'")
    await settle_batch(owner, [make_settlement(hold)])
    assert await used(owner, *SCOPES[1]) == (charge(), 1)


async def test_a_call_without_counters_settles_after_a_change(owner: asyncpg.Connection) -> None:
    """Seen to fail: the settlement asked for the cycles of no scope, which is no statement."""
    await prepare(owner)
    await set_cycle(owner, *SCOPES[0], Cycle.DAILY)
    hold = make_hold(counters=(), placed_epoch_us=int(time.time() * US))
    await register(owner, hold)
    await settle_batch(owner, [make_settlement(hold)])
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 1


async def test_settlements_of_an_untouched_organization_name_no_later_counters(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await settle_batch(owner, [make_settlement(await placed_now(owner))])
    assert await owner.fetchval("SELECT count(*) FROM usage_records WHERE later_counters IS NULL") == 1


async def test_counters_are_looked_up_once_after_each_change(owner: asyncpg.Connection) -> None:
    """Each batch asked for the cycles of all its scopes for an hour after any change in the organization."""
    await prepare(owner)
    unchanged, queries = UnchangedCounters(), list[str]()
    owner.add_query_logger(lambda record: queries.append(record.query))
    lookups = []
    for scope in (SCOPES[0], SCOPES[2]):
        await set_cycle(owner, *scope, Cycle.DAILY)
        for _ in range(3):
            hold = await placed_now(owner)
            queries.clear()
            await settle_batch(owner, [make_settlement(hold)], unchanged=unchanged)
            lookups.append(sum("carry_revision" in query for query in queries))
    assert lookups == [1, 0, 0, 1, 0, 0]


async def test_a_change_after_a_lookup_is_noticed(owner: asyncpg.Connection) -> None:
    """Seen to fail when what is remembered does not depend on the time of the last change."""
    await prepare(owner)
    unchanged = UnchangedCounters()
    await set_cycle(owner, *SCOPES[0], Cycle.DAILY)
    holds = [await placed_now(owner) for _ in range(3)]
    await settle_batch(owner, [make_settlement(holds[0])], unchanged=unchanged)
    await set_cycle(owner, *SCOPES[0], Cycle.WEEKLY)
    await settle_batch(owner, [make_settlement(holds[1])], unchanged=unchanged)
    await settle_batch(owner, [make_settlement(holds[2])], unchanged=unchanged)
    assert await used(owner, *SCOPES[0]) == (3 * charge(), 3)


@dataclass
class Calls:
    """The calls of a random history and their states."""

    open: list[Hold]
    expired: list[Hold]
    charged: list[Hold]


@pytest.mark.parametrize("seed", range(12))
async def test_no_usage_is_lost_for_any_change_while_calls_are_under_way(
    owner: asyncpg.Connection, database_url: str, seed: int
) -> None:
    """Spend is the sum over the calls, and the audit passes. Seen to fail without later counters."""
    chance = random.Random(seed)
    await prepare(owner)
    calls = Calls([], [], [])
    for _ in range(30):
        await chance.choice((_place, _place, _change, _settle, _expire, _correct))(owner, calls, chance)
    for kind, scope_id in SCOPES:
        await set_cycle(owner, kind, scope_id, chance.choice([Cycle.DAILY, Cycle.WEEKLY]))
    for hold in calls.open:
        await settle_batch(owner, [make_settlement(hold)])
    expected = sum(hold.amount_nano_credits for hold in calls.expired)
    expected += charge() * (len(calls.charged) + len(calls.open))
    count = len(calls.expired) + len(calls.charged) + len(calls.open)
    assert [await used(owner, kind, scope_id) for kind, scope_id in SCOPES] == [(expected, count)] * len(SCOPES)
    assert broken(await audit(database_url)) == {}


async def _place(owner: asyncpg.Connection, calls: Calls, _chance: random.Random) -> None:
    calls.open.append(await placed_now(owner))


async def _change(owner: asyncpg.Connection, _calls: Calls, chance: random.Random) -> None:
    kind, scope_id = chance.choice(SCOPES)
    await set_cycle(owner, kind, scope_id, chance.choice(list(Cycle)))


async def _settle(owner: asyncpg.Connection, calls: Calls, chance: random.Random) -> None:
    if calls.open:
        hold = calls.open.pop(chance.randrange(len(calls.open)))
        await settle_batch(owner, [make_settlement(hold)])
        calls.charged.append(hold)


async def _expire(owner: asyncpg.Connection, calls: Calls, chance: random.Random) -> None:
    if calls.open:
        hold = calls.open.pop(chance.randrange(len(calls.open)))
        report: CallReport = replace(make_settlement(hold).report, facts={}, http_status=0, request_id="")
        await settle_batch(owner, [Settlement(hold, report, expire(hold, ExpiredHoldPolicy.CHARGE_HOLD, SCHEDULE))])
        calls.expired.append(hold)


async def _correct(owner: asyncpg.Connection, calls: Calls, chance: random.Random) -> None:
    if calls.expired:
        hold = calls.expired.pop(chance.randrange(len(calls.expired)))
        settlement = make_settlement(hold)
        assert settlement.resolution.outcome is HoldState.SETTLED
        await settle_batch(owner, [settlement])
        calls.charged.append(hold)


async def reset(owner: asyncpg.Connection, kind: ScopeKind, scope_id: str) -> None:
    await owner.execute(
        "UPDATE guardrails SET reset_time = clock_timestamp() WHERE scope_kind = $1 AND scope_id = $2", kind, scope_id
    )


@pytest.mark.parametrize("cycle", [Cycle.NEVER, Cycle.DAILY])
async def test_a_call_under_way_during_a_reset_counts_only_in_the_period_in_which_it_was_placed(
    owner: asyncpg.Connection, database_url: str, cycle: Cycle
) -> None:
    await prepare(owner)
    await set_cycle(owner, *SCOPES[0], cycle)
    holds = [await placed_now(owner) for _ in range(2)]
    await settle_batch(owner, [make_settlement(holds[0])])
    assert await used(owner, *SCOPES[0]) == (charge(), 1)
    await reset(owner, *SCOPES[0])
    assert await used(owner, *SCOPES[0]) == (0, 0)
    holds.append(await placed_now(owner))
    await settle_batch(owner, [make_settlement(hold) for hold in holds[1:]])
    assert await used(owner, *SCOPES[0]) == (charge(), 1)
    assert await owner.fetchval("SELECT count(*) FROM usage_records WHERE later_counters IS NOT NULL") == 0
    assert broken(await audit(database_url)) == {}


async def test_a_call_of_a_replica_that_has_not_noticed_a_reset_counts_in_one_period(owner: asyncpg.Connection) -> None:
    """Seen to fail when a reset counts as a change of the cycle: the call counted in both periods."""
    await prepare(owner)
    await set_cycle(owner, *SCOPES[0], Cycle.DAILY)
    before = await present_counters(owner)
    await reset(owner, *SCOPES[0])
    await settle_batch(owner, [make_settlement(await placed_now(owner, before))])
    assert await used(owner, *SCOPES[0]) == (0, 0)
    assert (
        await owner.fetchval(
            "SELECT count(*) FROM scope_spend WHERE settled_nano_credits > 0 AND counter LIKE 'api_key%'"
        )
        == 1
    )


@pytest.mark.parametrize("seed", range(8))
async def test_after_any_history_the_spend_is_that_of_the_calls_placed_since_the_reset(
    owner: asyncpg.Connection, database_url: str, seed: int
) -> None:
    """Of all histories of calls, settlements, changes of the cycle and resets. Seen to fail when a changed cycle carries over what
    a reset removed."""
    chance = random.Random(seed)
    await prepare(owner)
    for kind, scope_id in SCOPES:
        await set_cycle(owner, kind, scope_id, Cycle.DAILY)
    since = dict.fromkeys(SCOPES, 0)
    calls: list[Hold] = []
    open_calls: list[Hold] = []
    for _ in range(40):
        what = chance.choice(["place", "place", "settle", "change", "reset"])
        scope = chance.choice(SCOPES)
        if what == "place":
            calls.append(await placed_now(owner))
            open_calls.append(calls[-1])
        elif what == "settle" and open_calls:
            await settle_batch(owner, [make_settlement(open_calls.pop(chance.randrange(len(open_calls))))])
        elif what == "change":
            await set_cycle(owner, *scope, chance.choice(list(Cycle)))
        elif what == "reset":
            await reset(owner, *scope)
            since[scope] = len(calls)
    for hold in open_calls:
        await settle_batch(owner, [make_settlement(hold)])
    for scope in SCOPES:
        count = len(calls) - since[scope]
        assert await used(owner, *scope) == (count * charge(), count)
    assert broken(await audit(database_url)) == {}


async def test_redis_charges_the_new_counter_without_releasing_a_hold_from_it(
    owner: asyncpg.Connection, redis: Redis, database_url: str
) -> None:
    """Seen to fail when the hold is released from both counters: the held amount of the new counter became negative."""
    await prepare(owner)
    before = await placed_now(owner)
    await place(redis, before)
    await set_cycle(owner, *SCOPES[0], Cycle.DAILY)
    after = await placed_now(owner)
    old, new = before.claims.counters[0].encode(), after.claims.counters[0].encode()
    counters = HoldCounters(redis)
    await counters.seed_counter(
        "acme", new, settled=0, open_holds={}, sequence=1, expire_epoch_s=None, edition="first:0"
    )
    await counters.place(after, [None] * len(after.claims.counters))
    await settle_batch(owner, [make_settlement(before)])
    (event,) = await events_after_the_top_up(database_url)
    assert await counters.apply("acme", 1, [event]) == 2
    assert await numbers(redis, counter_key("acme", old), "settled", "held") == [charge(), 0]
    assert await numbers(redis, counter_key("acme", new), "settled", "held") == [charge(), after.amount_nano_credits]


async def events_after_the_top_up(database_url: str) -> list[CounterEvent]:
    """Returns the events as usage_service reads them."""
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1) as pool:
        return list(await LedgerEvents(pool).after("acme", 1))
