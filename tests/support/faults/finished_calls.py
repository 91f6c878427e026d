"""Calls that have finished, as Redis counts them, and the settlements that they wait for."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis as Client

from gateway_core.stores.redis.keys import pool_key
from tests.support.data.tenants import Tenant
from tests.support.faults.databases import Redis

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


@asynccontextmanager
async def unsettled(database: asyncpg.Pool, tenant: Tenant) -> AsyncIterator[None]:
    """Lets no settlement of a tenant commit while the context is open."""
    async with database.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM ledger_heads WHERE organization_id = $1 FOR UPDATE", tenant.organization)
        yield


async def saved(redis: Redis) -> Path:
    """Returns a copy of a snapshot of Redis as it is now."""
    async with Client.from_url(redis.url) as client:
        await client.save()
    kept = redis.directory / f"kept-{time.monotonic_ns()}.rdb"
    shutil.move(redis.snapshot_file, kept)
    return kept
