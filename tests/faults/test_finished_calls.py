"""Finished calls have freed their limits, and then something breaks before they are settled: the books and limits stay right."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis as Client

from gateway_core.stores.redis.keys import pool_key
from tests.e2e.conftest import wait_settled
from tests.faults.conftest import World
from tests.faults.test_process_death import placed, until_ready_again
from tests.support.data.tenants import Tenant
from tests.support.faults.databases import Redis
from tests.support.faults.load import Outcome, call, chat, stalled_chat

CALLS = 10
WITHIN_S = 3.0


async def held(redis: Redis, tenant: Tenant) -> int:
    """Returns what the pool of a tenant holds, in nano-credits; -1 without a pool."""
    async with Client.from_url(redis.url, decode_responses=True) as client:
        amount = await client.hget(pool_key(tenant.organization), "held")
    return -1 if amount is None else int(amount)


async def until_held(redis: Redis, tenant: Tenant, amount: int) -> None:
    seen = None
    try:
        async with asyncio.timeout(WITHIN_S):
            while (seen := await held(redis, tenant)) != amount:
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{seen} nano-credits are held instead of {amount}")


async def limited(world: World) -> tuple[Tenant, Outcome, int]:
    """Returns a tenant with a limit of concurrent calls, its first call, and the charge of a call."""
    (tenant,) = await world.tenants(1)
    first = await call(world.session, world.base_url, tenant, chat("Wait."))
    (record,) = await wait_settled(tenant, 1)
    await tenant.guard("member", "mia", concurrency_limit=CALLS)
    await asyncio.sleep(0.3)
    return tenant, first, int(record["charge_nano_credits"])


@asynccontextmanager
async def unsettled(world: World, tenant: Tenant) -> AsyncIterator[None]:
    """Lets no settlement of a tenant commit while the context is open."""
    async with world.database.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM ledger_heads WHERE organization_id = $1 FOR UPDATE", tenant.organization)
        yield


@pytest.mark.timeout(120)
async def test_calls_that_finished_before_usage_service_was_killed_are_settled_once(world: World, redis: Redis) -> None:
    """Seen to fail without the notice before the commit: Redis had the whole holds when the service was killed."""
    before = await world.witness.last_sequence()
    tenant, first, charge = await limited(world)
    async with unsettled(world, tenant):
        outcomes = [first, *await asyncio.gather(*await placed(world, tenant, stalled_chat("Wait.", 500)))]
        await until_held(redis, tenant, CALLS * charge)
        process_id = world.stack.identity("usage_service").pid
        world.stack.kill("usage_service", signal.SIGKILL)
        assert await held(redis, tenant) == CALLS * charge
    await until_ready_again(world, "usage_service", process_id)
    await wait_settled(tenant, 1 + CALLS)
    await until_held(redis, tenant, 0)
    assert all(outcome.is_served for outcome in outcomes)
    total = await world.check([tenant], [str(outcome.request_id) for outcome in outcomes], before)
    assert total.unconfirmed == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("moment", ["before the end", "after the end"])
async def test_redis_restored_from_before_the_settlement_of_finished_calls_ends_with_exact_books(
    world: World, redis: Redis, moment: str
) -> None:
    """The snapshot has the whole holds, or the charges. The settlement releases what it has."""
    before = await world.witness.last_sequence()
    tenant, first, charge = await limited(world)
    async with unsettled(world, tenant):
        calls = await placed(world, tenant, stalled_chat("Wait.", 1_000))
        await world.until_open(tenant, CALLS)
        kept = await saved(redis) if moment == "before the end" else None
        outcomes = [first, *await asyncio.gather(*calls)]
        await until_held(redis, tenant, CALLS * charge)
        kept = kept or await saved(redis)
        await redis.kill()
        shutil.move(kept, redis.snapshot_file)
        await redis.start()
        redis.snapshot_file.unlink(missing_ok=True)
        assert await held(redis, tenant) >= CALLS * charge
    await wait_settled(tenant, 1 + CALLS)
    assert all(outcome.is_served for outcome in outcomes)
    await world.check([tenant], [str(outcome.request_id) for outcome in outcomes], before)


async def saved(redis: Redis) -> Path:
    """Returns a copy of a snapshot of Redis as it is now."""
    async with Client.from_url(redis.url) as client:
        await client.save()
    kept = redis.directory / f"kept-{time.monotonic_ns()}.rdb"
    shutil.move(redis.snapshot_file, kept)
    return kept
