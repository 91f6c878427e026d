"""Redis emptied, old, slow or out of reach: money is unaffected, and no limit is ever laxer for it."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis as RedisClient

from tests.e2e.conftest import wait_settled
from tests.e2e.tenants import Tenant
from tests.faults import databases
from tests.faults.conftest import World, survive
from tests.faults.load import Outcome, Request, call, chat
from tests.faults.sums import assert_counters_equal


@asynccontextmanager
async def asking(redis: databases.Redis) -> AsyncIterator[RedisClient]:
    client = RedisClient.from_url(redis.url)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.mark.timeout(120)
async def test_redis_flushed_under_load(world: World, redis: databases.Redis) -> None:
    async def flush() -> None:
        async with asking(redis) as client:
            for _ in range(3):
                await client.flushall()
                await asyncio.sleep(0.3)

    assert (await survive(world, "Redis flushed three times", flush)).unconfirmed == 0


@pytest.mark.timeout(120)
async def test_redis_frozen_under_load(world: World, redis: databases.Redis) -> None:
    async def freeze() -> float:
        redis.freeze()
        await asyncio.sleep(2.5)
        moment = time.monotonic()
        redis.thaw()
        return moment

    assert (await survive(world, "Redis frozen for 2.5 s", freeze)).unconfirmed == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", ["stalled", "cut"])
async def test_the_way_to_redis_fails_under_load(world: World, redis: databases.Redis, way: str) -> None:
    async def fail() -> float:
        redis.proxy.stall() if way == "stalled" else redis.proxy.cut()
        await asyncio.sleep(2)
        moment = time.monotonic()
        redis.proxy.restore()
        return moment

    assert (await survive(world, f"way to Redis {way} for 2 s", fail)).unconfirmed == 0


@pytest.mark.timeout(120)
async def test_connections_to_redis_are_reset_in_the_middle_of_commands(world: World, redis: databases.Redis) -> None:
    async def reset() -> None:
        for _ in range(10):
            redis.proxy.reset_connections()
            await asyncio.sleep(0.07)

    assert (await survive(world, "connections to Redis reset ten times", reset)).unconfirmed == 0


def stalled_call(text: str = "Hold on.") -> Request:
    path, body, headers = chat(text)
    return path, body, {**headers, "x-mock-stall-ms": "4000"}


async def budget_for(world: World, tenant: Tenant, calls: int) -> None:
    """A budget on the member for so many more calls of the kind of `stalled_call`."""
    outcome = await call(world.session, world.base_url, tenant, chat("Hold on."))
    assert outcome.is_served
    (record,) = await wait_settled(tenant, 1)
    budget = 2 * record["charge_nano_credits"] + calls * record["hold_nano_credits"]
    await tenant.guard("member", "mia", budget_nano_credits=budget)
    await asyncio.sleep(0.3)
    # The budget's own counter exists from its first call on; the same question costs the same.
    assert (await call(world.session, world.base_url, tenant, chat("Hold on."))).is_served
    await wait_settled(tenant, 2)


async def several(world: World, tenant: Tenant, count: int) -> list[Outcome]:
    return await asyncio.gather(*(call(world.session, world.base_url, tenant, stalled_call()) for _ in range(count)))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("loss", ["flushed", "older snapshot"])
async def test_a_budget_that_open_holds_fill_admits_nothing_after_redis_lost_them(
    world: World, redis: databases.Redis, loss: str
) -> None:
    """The older snapshot was seen to fail without the floor of placements: calls were served beyond the budget."""
    (tenant,) = await world.tenants(1)
    before = await world.witness.last_sequence()
    await budget_for(world, tenant, 10)
    # The counters have to be in the snapshot, without the holds to come.
    await assert_counters_equal(world.redis_url, [tenant])
    async with asking(redis) as client:
        await client.save()
    kept = shutil.copy(redis.snapshot_file, redis.directory / "kept.rdb")
    redis.snapshot_file.unlink()
    first = asyncio.create_task(several(world, tenant, 10))
    await asyncio.sleep(1)
    assert await tenant.open_holds() == 10
    await redis.kill()
    if loss == "older snapshot":
        shutil.move(kept, redis.snapshot_file)
    await redis.start()
    redis.snapshot_file.unlink(missing_ok=True)
    second = await several(world, tenant, 30)
    assert [outcome.status for outcome in await first] == [200] * 10
    # 503 while connections are made anew; never 200.
    assert {outcome.status for outcome in second} <= {402, 503}
    await wait_settled(tenant, 12)
    answered = [record["request_id"] for record in await tenant.records()]
    await world.check([tenant], answered, before)


@pytest.mark.timeout(120)
async def test_a_hold_placed_by_a_decision_that_nobody_received_does_not_stay_in_redis(
    world: World, redis: databases.Redis
) -> None:
    """authz_service dies between the hold in Redis and everything that would tell of it.

    Seen to fail without the comparison of Redis with the register.
    """
    (tenant,) = await world.tenants(1)
    assert (await call(world.session, world.base_url, tenant, chat("First."))).is_served
    await wait_settled(tenant, 1)
    before = await world.witness.last_sequence()
    redis.proxy.stall()
    lost = asyncio.create_task(several(world, tenant, 8))
    await asyncio.sleep(0.3)
    world.stack.kill("authz_service")
    await asyncio.sleep(0.2)
    redis.proxy.restore()  # what was sent arrives now
    assert all(not outcome.is_served for outcome in await lost)
    async with asyncio.timeout(20):
        while not (await call(world.session, world.base_url, tenant, chat("Again."))).is_served:
            await asyncio.sleep(0.1)
    await wait_settled(tenant, 2)
    await assert_counters_equal(world.redis_url, [tenant], timeout_s=20)
    assert len(await world.witness.calls_after(before)) == 1
