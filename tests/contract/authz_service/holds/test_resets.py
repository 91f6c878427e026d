"""A reset begins a new period in Redis at zero, whatever calls run, and after Redis has lost its state."""

import asyncio

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.check import AuthzService
from gateway_core.stores.redis.keys import holds_key
from tests.contract.authz_service.conftest import check_request, decided, guard
from tests.contract.authz_service.holds.test_rebuilding import (
    admitted,
    dump,
    expect_redis_equals_the_holds_table,
    follow,
    registered,
    restore,
    settle,
)

CREDIT = 10**9
CALLERS, PAUSE_S, PERIODS = 8, 0.02, 4
SCOPES = [("api_key", "key-1"), ("member", "mia"), ("group", "g1"), ("organization", "acme")]


async def reset(owner: asyncpg.Connection, wait_s: float = 0.2) -> None:
    await owner.execute("UPDATE guardrails SET reset_time = clock_timestamp()")
    await asyncio.sleep(wait_s)


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_an_exhausted_budget_has_room_again_and_open_calls_stay_on_the_old_period(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str, kind: str, scope_id: str
) -> None:
    await guard(owner, kind, scope_id, budget_nano_credits=3 * CREDIT, cycle="MONTHLY")
    await asyncio.sleep(0.2)
    assert await admitted(service, 5) == 3
    await registered(owner, 3)
    await settle(owner, 1)
    await follow(database_url, redis)
    await reset(owner)
    assert await admitted(service, 5) == 3
    await registered(owner, 6)
    await settle(owner, 6)
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)
    assert await redis.hlen(holds_key("acme")) == 0
    spent = await owner.fetch(
        "SELECT settled_nano_credits FROM scope_spend WHERE starts_with(counter, $1)", f"{kind}:{scope_id}:"
    )
    assert sorted(row[0] for row in spent) == [3 * CREDIT, 3 * CREDIT]


@pytest.mark.parametrize("loss", ["emptied", "restored"])
async def test_a_redis_that_lost_its_state_after_a_reset_admits_exactly_the_budget(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, loss: str
) -> None:
    await guard(owner, "member", "mia", budget_nano_credits=5 * CREDIT, cycle="DAILY")
    await asyncio.sleep(0.2)
    assert await admitted(service, 3) == 3
    await registered(owner, 3)
    saved = await dump(redis)
    await reset(owner)
    assert await admitted(service, 2) == 2
    await registered(owner, 5)
    if loss == "emptied":
        await redis.flushall()
    else:
        await restore(redis, saved)
    assert await admitted(service, 10) == 3
    await registered(owner, 8)
    await expect_redis_equals_the_holds_table(owner, redis)


async def in_periods(owner: asyncpg.Connection, count: int) -> None:
    """Waits until the holds table has calls of so many periods of the member."""
    async with asyncio.timeout(30):
        while count > await owner.fetchval(
            "SELECT count(DISTINCT counter) FROM holds, unnest(counters) AS counter WHERE starts_with(counter, 'member:mia:')"
        ):
            await asyncio.sleep(0.01)


async def test_each_call_counts_in_exactly_one_period_however_resets_race_with_calls(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str
) -> None:
    await guard(owner, "member", "mia", budget_nano_credits=10**6 * CREDIT, cycle="DAILY")
    await asyncio.sleep(0.2)
    is_over = False

    async def caller() -> int:
        made = 0
        while not is_over:
            assert (await decided(service, check_request())).allowed
            made += 1
            await asyncio.sleep(PAUSE_S)
        return made

    callers = asyncio.gather(*(caller() for _ in range(CALLERS)))
    for period in range(1, PERIODS):
        await in_periods(owner, period)
        await settle(owner, 7)
        await reset(owner, 0)
    await in_periods(owner, PERIODS)
    is_over = True
    made = sum(await callers)
    await registered(owner, made)
    await settle(owner, made)
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)
    rows = await owner.fetch(
        "SELECT settled_nano_credits, call_count FROM scope_spend WHERE counter LIKE 'member:mia:%'"
    )
    assert len(rows) == PERIODS
    assert (sum(row[0] for row in rows), sum(row[1] for row in rows)) == (made * CREDIT, made)
    assert all(row[0] >= 0 for row in rows)
