"""The rollups follow the ledger exactly once, whoever follows it and whenever it is cut off. The audit is the judge."""

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from gateway_core.model.ledger.transfers import top_up
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.usage_service.audit.books import audit
from tests.contract.usage_service.settlement_cases import ROLE, make_hold, make_settlement, prepare
from tests.support.usage.histories import UsageHistory, expiry, some_places
from usage_service.rollups.follower import EVENTS_PER_STEP, RollupFollower, caught_up
from usage_service.rollups.generations import rebuilt
from usage_service.rollups.store import ROLLUP_TABLES, RollupStore
from usage_service.settlement.store import settle_batch

START = dt.datetime(2026, 3, 20, tzinfo=dt.UTC)
FOLLOWED = "SELECT r.sequence = h.sequence FROM usage_rollups r JOIN ledger_heads h USING (organization_id) WHERE state = 'CURRENT'"

IN_STEP = """
SELECT organization_id FROM usage_rollups r JOIN ledger_heads h USING (organization_id) WHERE r.sequence = h.sequence ORDER BY 1
"""


async def in_step(owner: asyncpg.Connection) -> list[str]:
    return [row[0] for row in await owner.fetch(IN_STEP)]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=4) as made:
        yield made


def history(seed: int, days: float = 30) -> UsageHistory:
    return UsageHistory(random.Random(seed), some_places(), START, START + dt.timedelta(days=days))


async def faults(database_url: str) -> list[str]:
    """Returns what the audit says about the rollups."""
    findings = (await audit(database_url)).findings
    return [
        f"{breach.row}: {breach.fault}"
        for finding in findings
        for breach in finding.breaches
        if finding.name.startswith("rollup")
    ]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"])
async def test_rollups_are_the_sums_of_the_records(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str, zone: str
) -> None:
    await prepare(owner)
    await owner.execute("UPDATE organizations SET time_zone = $1", zone)
    past = history(1)
    times = iter((START, START + dt.timedelta(days=9.4), START + dt.timedelta(days=60)))
    follower = RollupFollower(pool, lambda: now)
    for count in (60, 1, 40):
        now = next(times)
        await past.settle(owner, count)
        await post_transfers(owner, "acme", [top_up(5, idempotency_key=f"t{count}", actor="test", reason="test")])
        await caught_up(follower)
    await past.correct_the_rest(owner)
    await caught_up(follower)
    assert await owner.fetchval(FOLLOWED)
    await follower.follow_once()
    assert follower.lag_events == 0
    assert await faults(database_url) == []
    assert await owner.fetchval("SELECT sum(correction_count) FROM usage_hours") > 0
    assert await owner.fetchval(
        "SELECT sum(charge_nano_credits) FROM usage_days WHERE scope_kind = 'organization'"
    ) == (await owner.fetchval("SELECT balance_nano_credits FROM ledger_accounts WHERE account = 'USAGE'"))


async def test_a_correction_moves_the_call_to_its_actual_outcome(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await prepare(owner)
    lost = make_settlement(make_hold(placed_epoch_us=int(START.timestamp() * 1e6)), duration_ms=100)
    await settle_batch(owner, [expiry(lost)])
    follower = RollupFollower(pool)
    await caught_up(follower)
    await settle_batch(owner, [lost])
    await caught_up(follower)
    rows = await owner.fetch(
        "SELECT status, call_count, unconfirmed_call_count, charge_nano_credits, correction_count, correction_nano_credits,"
        " duration_02 FROM usage_days WHERE scope_kind = 'organization' ORDER BY status"
    )
    charge = lost.resolution.charge_nano_credits
    assert [tuple(row) for row in rows] == [
        ("EXPIRED", 0, 0, 0, 0, 0, None),
        ("SETTLED", 1, 0, charge, 1, charge - expiry(lost).resolution.charge_nano_credits, 1),
    ]


async def test_a_call_counts_once_for_each_scope_that_it_was_charged_to(
    owner: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await prepare(owner)
    await settle_batch(owner, [make_settlement(make_hold(group_path=("a", "b", "c"), member="mia", api_key="key-1"))])
    await caught_up(RollupFollower(pool))
    rows = await owner.fetch("SELECT scope_kind, scope_id, group_path, member_id, call_count FROM usage_days")
    assert sorted(map(tuple, rows)) == [
        ("api_key", "key-1", ["a", "b", "c"], "mia", 1),
        ("group", "a", ["a"], "", 1),
        ("group", "b", ["a", "b"], "", 1),
        ("group", "c", ["a", "b", "c"], "", 1),
        ("leaf", "c", ["a", "b", "c"], "", 1),
        ("member", "mia", ["a", "b", "c"], "mia", 1),
        ("organization", "acme", [], "", 1),
    ]


async def test_followers_that_run_together_count_once(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner, "acme", "other")
    past = history(2)
    settling = asyncio.create_task(past.settle(owner, 150))
    while not settling.done():
        await asyncio.gather(*(RollupFollower(pool).follow_once() for _ in range(3)))
    await settling
    await asyncio.gather(*(caught_up(RollupFollower(pool)) for _ in range(3)))
    await caught_up(RollupFollower(pool))
    assert await faults(database_url) == []
    assert await owner.fetchval(FOLLOWED)


async def test_a_round_is_about_the_organizations_with_settlements(
    owner: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await prepare(owner, "acme", "other")
    follower = RollupFollower(pool)
    for name in ("acme", "other"):
        await settle_batch(owner, [make_settlement(make_hold(name))])
    await caught_up(follower)
    for name in ("acme", "other"):
        await settle_batch(owner, [make_settlement(make_hold(name))])
    follower.committed(["acme"])
    assert not await follower.follow_changed()
    assert await in_step(owner) == ["acme"]
    await pool.close()
    assert not await follower.follow_changed(), "a round without settlements reads nothing"


async def test_what_another_process_is_at_is_looked_at_again(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    """Seen to fail when an organization whose rollups were locked had had its turn."""
    await prepare(owner)
    follower = RollupFollower(pool)
    await settle_batch(owner, [make_settlement(make_hold())])
    await caught_up(follower)
    await settle_batch(owner, [make_settlement(make_hold())])
    follower.committed(["acme"])
    async with owner.transaction():
        await owner.execute("SELECT FROM usage_rollups FOR UPDATE")
        assert not await follower.follow_changed()
        assert await in_step(owner) == []
    assert not await follower.follow_changed()
    assert await in_step(owner) == ["acme"]


async def test_what_was_cut_off_is_added_once(owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str) -> None:
    await prepare(owner)
    await history(3).settle(owner, 40)
    store = RollupStore(pool)
    follower = RollupFollower(pool)
    while not await owner.fetchval("SELECT count(*) FROM usage_rollups"):
        await follower.follow_once()
    for months in range(4):
        await store.open_month(START + dt.timedelta(days=28 * months))
    for step in range(30):
        advancing = asyncio.create_task(store.advance("acme", 1, 7))
        await asyncio.sleep(0.002 * (step % 10))
        advancing.cancel()
        await asyncio.gather(advancing, return_exceptions=True)
    await caught_up(follower)
    assert await faults(database_url) == []


async def test_existing_records_are_added_in_steps(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner)
    await history(4).settle(owner, 50)
    store = RollupStore(pool)
    await caught_up(RollupFollower(pool))
    ledger = (await store.ledgers(["acme"]))[0]
    new = rebuilt(ledger)
    assert new is not None
    assert await store.begin("acme", new)
    assert not await store.begin("acme", new)
    steps = 0
    while (step := await store.advance("acme", new.number, 9)) is not None and step.sequence < step.head:
        steps += 1
        assert await faults(database_url) == []
    assert steps == (ledger.head - 1) // 9
    assert EVENTS_PER_STEP > 9


async def test_a_change_of_the_zone_rebuilds_and_reports_the_old_zone_until_then(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner)
    past, follower = history(5), RollupFollower(pool)
    await past.settle(owner, 30)
    await caught_up(follower)
    await owner.execute("UPDATE organizations SET time_zone = 'Asia/Kolkata'")
    await follower.follow_once()
    states = "SELECT generation, state, time_zone FROM usage_rollups ORDER BY generation"
    assert [tuple(row) for row in await owner.fetch(states)] == [
        (1, "CURRENT", "UTC"),
        (2, "BUILDING", "Asia/Kolkata"),
    ]
    await past.settle(owner, 10)
    # The zone changes again before the first change is through.
    await owner.execute("UPDATE organizations SET time_zone = 'Asia/Kathmandu'")
    await caught_up(follower)
    assert [tuple(row) for row in await owner.fetch(states)] == [(3, "CURRENT", "Asia/Kathmandu")]
    assert await owner.fetchval("SELECT count(*) FROM usage_hours WHERE generation <> 3") == 0
    assert await faults(database_url) == []


BREAKS = {
    "an hour with a call too many": "UPDATE usage_hours SET call_count = call_count + 1 WHERE (hour_start, member_id)"
    " = (SELECT hour_start, member_id FROM usage_hours ORDER BY 1, 2 LIMIT 1)",
    "a lost hour": "DELETE FROM usage_hours WHERE hour_start = (SELECT min(hour_start) FROM usage_hours)",
    "an hour of another zone": "UPDATE usage_hours SET hour_start = hour_start + interval '30 minutes'",
    "a tagged hour with another charge": "UPDATE usage_tagged_hours SET charge_nano_credits = charge_nano_credits + 1",
    "an hour of another tag": 'UPDATE usage_tagged_hours SET tags = tags || \'{"env": "other"}\'',
    "an hour that lost its tags": "DELETE FROM usage_tagged_hours WHERE hour_start ="
    " (SELECT min(hour_start) FROM usage_tagged_hours)",
    "a day with another charge": "UPDATE usage_days SET charge_nano_credits = charge_nano_credits + 1 WHERE scope_kind = 'group'",
    "a latency in another bucket": "UPDATE usage_days SET duration_03 = coalesce(duration_03, 0) + 1 WHERE scope_kind = 'api_key'",
    "a month of another member": "UPDATE usage_months SET member_id = member_id || 'x'",
    "a running total of another day": "UPDATE usage_running_totals SET charge_nano_credits_31 = charge_nano_credits_31 + 1",
    "a year of another month": "UPDATE usage_year_totals SET call_count_03 = coalesce(call_count_03, 0) + 1",
    "a lost year of a member": "DELETE FROM usage_year_totals WHERE scope_kind = 'member'",
    "a lost month of a key": "DELETE FROM usage_months WHERE scope_kind = 'api_key'",
    "a lost running total": "DELETE FROM usage_running_totals WHERE scope_kind = 'api_key'",
    "a day of another tag": "UPDATE usage_tag_days SET value = value || 'x'",
    "a lost day of a tag": "DELETE FROM usage_tag_days WHERE name = 'project'",
    "a member too many in a set": "UPDATE usage_member_sets SET members = members || B'1'",
    "a member too few in a set": "UPDATE usage_member_sets SET members = ''",
    "a member with the number of another": "UPDATE usage_member_numbers SET number = number + 1000",
    "a position that is too late": "UPDATE usage_rollups SET sequence = sequence - 1",
    "a position beyond the ledger": "UPDATE usage_rollups SET sequence = sequence + 1",
}


async def test_the_audit_reports_every_broken_rollup(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner)
    await history(6).settle(owner, 30)
    await caught_up(RollupFollower(pool))
    assert await faults(database_url) == []
    for name, breach in BREAKS.items():
        tables = ("usage_rollups", *ROLLUP_TABLES)
        for table in tables:
            await owner.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")  # noqa: S608
        await owner.execute(breach)
        assert await faults(database_url) != [], name
        for table in tables:
            await owner.execute(
                f"TRUNCATE {table}; INSERT INTO {table} SELECT * FROM kept_{table}; DROP TABLE kept_{table}"  # noqa: S608
            )
        assert await faults(database_url) == [], name
