"""Standings have the figures of the counters about a second later, whoever else is at work."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.holds import Hold
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from tests.contract.usage_service.settlement_cases import ROLE, charge, make_hold, make_settlement, prepare
from tests.support.usage.histories import expiry
from usage_service.settlement.store import settle_batch
from usage_service.standings.follower import StandingFollower
from usage_service.standings.store import StandingStore

KEY = Counter(ScopeKind.API_KEY, "key-1", Cycle.NEVER, 0)
MEMBER = Counter(ScopeKind.MEMBER, "mia", Cycle.NEVER, 0)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=4) as made:
        yield made


@pytest.fixture
async def mia(owner: asyncpg.Connection) -> None:
    """An organization with a member, a service account and a key of the member."""
    await prepare(owner)
    await owner.execute("INSERT INTO users VALUES ('u-mia', 'mia@example.org', 'Mia')")
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, display_name, role)"
        " VALUES ('acme', 'mia', 'u-mia', NULL, 'MEMBER'), ('acme', 'sa-1', NULL, 'Robot', 'MEMBER')"
    )
    await owner.execute(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
        " VALUES ('acme', 'key-1', 'mia', 'k', sha256('1'), 'k')"
    )


def now_us() -> int:
    """Asked in each test: the suite may begin on one day and end on the next, and then a daily standing starts again."""
    return int(time.time() * 1e6)


def hold(*counters: Counter, **changes: Any) -> Hold:
    return make_hold(counters=counters or (KEY, MEMBER), **{"placed_epoch_us": now_us(), **changes})


async def standing(owner: asyncpg.Connection, scope_id: str = "mia") -> tuple[int, int]:
    row = await owner.fetchrow("SELECT spent_nano_credits, call_count FROM standings WHERE id = $1", scope_id)
    assert row is not None
    return tuple(row)


async def is_in_step(owner: asyncpg.Connection) -> bool:
    return bool(
        await owner.fetchval(
            "SELECT p.sequence = h.sequence FROM ledger_heads h JOIN standing_positions p USING (organization_id)"
        )
    )


async def test_calls_voided_calls_expiries_and_corrections(
    owner: asyncpg.Connection, pool: asyncpg.Pool, mia: None
) -> None:
    follower = StandingFollower(pool)
    voided = make_settlement(
        hold(placed_epoch_us=now_us() + 10**6), facts={}, http_status=429, upstream_host=None, flags=frozenset({"RL"})
    )
    lost = make_settlement(hold(placed_epoch_us=now_us() + 1))
    await settle_batch(owner, [make_settlement(hold()), voided, expiry(lost)])
    await follower.follow_once()
    held = expiry(lost).resolution.charge_nano_credits
    assert await standing(owner) == await standing(owner, "key-1") == (charge() + held, 2)
    await settle_batch(owner, [lost])
    await follower.follow_once()
    assert await standing(owner) == await standing(owner, "key-1") == (2 * charge(), 2)
    last_use = await owner.fetchval("SELECT last_use_time FROM standings WHERE id = 'key-1'")
    assert last_use == await owner.fetchval("SELECT last_use_time FROM api_key_usage WHERE api_key_id = 'key-1'")
    assert await is_in_step(owner)
    # From the beginning again, and by two at the same time.
    await owner.execute("UPDATE standing_positions SET sequence = 0")
    await asyncio.gather(*(StandingFollower(pool).follow_once() for _ in range(2)))
    assert await standing(owner) == (2 * charge(), 2)
    assert await is_in_step(owner)


async def test_a_charge_of_an_earlier_period_changes_no_figure_of_the_present(
    owner: asyncpg.Connection, pool: asyncpg.Pool, mia: None
) -> None:
    revision = await owner.fetchval(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle) VALUES ('acme', 'member', 'mia', 'DAILY')"
        " RETURNING cycle_revision"
    )
    today = await owner.fetchval("SELECT extract(epoch FROM cycle_start('DAILY', 'UTC'))::bigint")
    follower = StandingFollower(pool)
    for day in (today - 86_400, today):
        await settle_batch(owner, [make_settlement(hold(Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, day, revision)))])
        await follower.follow_once()
    assert await standing(owner) == (charge(), 1)
    yesterday = Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, today - 86_400, revision)
    await settle_batch(owner, [make_settlement(hold(yesterday))])
    await follower.follow_once()
    assert await standing(owner) == (charge(), 1)
    assert await owner.fetchval("SELECT period_start FROM standings WHERE id = 'mia'") == today


async def test_a_locked_standing_is_left_for_later_and_stops_nothing_else(
    owner: asyncpg.Connection, pool: asyncpg.Pool, mia: None, database_url: str
) -> None:
    """A change of many members locks them in its own order. Seen to fail with a plain FOR UPDATE: the follower waits."""
    await settle_batch(owner, [make_settlement(hold())])
    changing = await asyncpg.connect(database_url)
    async with changing.transaction():
        await changing.execute("UPDATE standings SET group_path = '{x}' WHERE id = 'mia'")
        async with asyncio.timeout(30):
            assert not await StandingFollower(pool).follow_once()
        assert await standing(owner, "key-1") == (charge(), 1)
        assert not await is_in_step(owner)
    await changing.close()
    await StandingFollower(pool).follow_once()
    assert await standing(owner) == (charge(), 1)
    assert await is_in_step(owner)


async def test_a_ledger_is_followed_in_steps_by_one_process_at_a_time(
    owner: asyncpg.Connection, pool: asyncpg.Pool, mia: None, database_url: str
) -> None:
    await settle_batch(owner, [make_settlement(hold()) for _ in range(5)])
    store = StandingStore(pool)
    # The first number of the ledger is a top-up.
    first = await store.advance("acme", 3)
    assert first is not None
    assert (first.sequence, first.head, await standing(owner)) == (3, 6, (5 * charge(), 5))
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("SELECT FROM standing_positions FOR UPDATE")
        assert await store.advance("acme", 3) is None
    await other.close()
    assert await store.behind("", 10) == ["acme"]
    await store.advance("acme", 3)
    assert await store.behind("", 10) == []


@pytest.mark.parametrize("cycle", [Cycle.DAILY, Cycle.NEVER])
async def test_a_changed_cycle_and_a_reset_are_in_the_standing_when_they_commit(
    owner: asyncpg.Connection, pool: asyncpg.Pool, mia: None, cycle: Cycle
) -> None:
    before_reset_us = now_us()
    await settle_batch(owner, [make_settlement(hold(placed_epoch_us=before_reset_us))])
    await StandingFollower(pool).follow_once()
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, cycle) VALUES ('acme', 'member', 'mia', $1)",
        cycle,
    )
    assert await standing(owner) == (charge(), 1)
    await owner.execute("UPDATE guardrails SET reset_time = $1", dt.datetime.now(dt.UTC))
    assert await standing(owner) == (0, 0)
    # A call that was under way during the reset settles to the counter that admitted it.
    await settle_batch(owner, [make_settlement(hold(placed_epoch_us=before_reset_us))])
    await StandingFollower(pool).follow_once()
    assert await standing(owner) == (0, 0)
    await owner.execute("DELETE FROM guardrails")
    assert await standing(owner) == (2 * charge(), 2)
