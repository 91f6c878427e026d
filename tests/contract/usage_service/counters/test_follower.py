"""Redis follows the ledger after crashes, gaps, restores and outages."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from deploy.local.programs.redis import start_redis
from gateway_core.model.ledger.transfers import top_up
from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.postgres.ledger_store import post_transfers
from tests.contract.usage_service.service_runs import (
    START_BALANCE,
    message,
    place,
    running,
    until,
    until_pool,
)
from tests.contract.usage_service.settlement_cases import (
    breaches,
    charge,
    make_hold,
    make_report,
    make_settlement,
    prepare,
)
from tests.support.ports import free_port
from usage_service.settlement.store import settle_batch


@pytest.mark.also_on_cluster
async def test_a_crash_between_commit_and_counters_is_repaired_at_the_next_start(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    await prepare(owner)
    holds = [make_hold() for _ in range(3)]
    await place(redis, *holds)
    await settle_batch(owner, [make_settlement(hold) for hold in holds[:2]])
    await post_transfers(owner, "acme", [top_up(77, idempotency_key="k", actor="a", reason="r")])
    held = holds[2].amount_nano_credits
    async with running(settings):
        await until_pool(redis, (START_BALANCE - 2 * charge() + 77, held, 4))


@pytest.mark.also_on_cluster
async def test_a_gap_in_the_updates_of_redis_is_filled_from_the_ledger(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    """Another settler commits in between, and dies before it updates Redis."""
    await prepare(owner)
    holds = [make_hold() for _ in range(3)]
    await place(redis, *holds)
    async with running(settings) as service:
        await settle_batch(owner, [make_settlement(holds[0])])
        await service.take(message(make_report(holds[1]), make_report(holds[2])))
        async with asyncio.timeout(2):  # sooner than the periodic check for lag
            await until_pool(redis, (START_BALANCE - 3 * charge(), 0, 4))


@pytest.mark.also_on_cluster
async def test_redis_restored_to_an_earlier_state_catches_up(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    await prepare(owner)
    holds = [make_hold() for _ in range(2)]
    await place(redis, *holds)
    before = await snapshot(redis)
    async with running(settings) as service:
        await service.take(message(*(make_report(hold) for hold in holds)))
        await until_pool(redis, (START_BALANCE - 2 * charge(), 0, 3))
        await restore(redis, before)
        await until_pool(redis, (START_BALANCE - 2 * charge(), 0, 3))


async def snapshot(redis: Redis) -> dict[str, Any]:
    return {str(key): await redis.hgetall(str(key)) async for key in redis.scan_iter("mr:*")}


async def restore(redis: Redis, contents: dict[str, Any]) -> None:
    await redis.flushall()
    for key, fields in contents.items():
        await redis.hset(key, mapping=fields)


@pytest.mark.also_on_cluster
async def test_a_top_up_reaches_redis_immediately(
    owner: asyncpg.Connection, redis: Redis, settings: UsageSettings
) -> None:
    await prepare(owner)
    hold = make_hold()
    await place(redis, hold)
    async with running(settings) as service:
        await service.take(message(make_report(hold)))
        await until_pool(redis, (START_BALANCE - charge(), 0, 2))
        await post_transfers(owner, "acme", [top_up(5, idempotency_key="k", actor="a", reason="r")])
        async with asyncio.timeout(1):
            await until_pool(redis, (START_BALANCE - charge() + 5, 0, 3))


async def test_settlement_continues_while_redis_is_stalled(
    owner: asyncpg.Connection, settings: UsageSettings, tmp_path: Path
) -> None:
    """Redis later runs the commands sent while it was stalled, in addition to the repeated ones."""
    await prepare(owner)
    holds = [make_hold() for _ in range(30)]
    with start_redis(tmp_path / "redis", free_port()) as server:
        redis = Redis.from_url(server.url, decode_responses=True)
        await place(redis, *holds)
        async with running(settings.model_copy(update={"redis_url": SecretStr(server.url)})) as service:
            server.process.send_signal(signal.SIGSTOP)
            for hold in holds:
                await service.take(message(make_report(hold)))
                await asyncio.sleep(0.05)
            await until(lambda: service.counts.settled == 30)
            server.process.send_signal(signal.SIGCONT)
            await until_pool(redis, (START_BALANCE - 30 * charge(), 0, 31))
        await redis.aclose()


async def test_settlement_continues_without_redis(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    nowhere = SecretStr(f"redis://127.0.0.1:{free_port()}/0")
    changes = {"redis_url": nowhere, "shutdown_grace_ms": 200}
    async with running(settings.model_copy(update=changes)) as service:
        await service.take(message(*(make_report(make_hold()) for _ in range(20))))
        await until(lambda: service.counts.settled == 20)
    assert await breaches(owner) == []
