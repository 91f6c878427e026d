"""`python -m benchmarks.neighbors.followers`: follows the ledger as ordered by `benchmarks.neighbors.process`."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg

from benchmarks.neighbors.process import DATABASE_URL
from benchmarks.process_times import on_cpu_s
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.connections import BY_INDEX
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts import follower as alert_follower
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.follower import AlertFollower
from usage_service.rollups import follower as rollup_follower
from usage_service.rollups.follower import WAKE_AFTER, RollupFollower
from usage_service.standings import follower as standing_follower
from usage_service.standings.follower import StandingFollower
from usage_service.wiring import ROLE

_CONNECTIONS: Final = 3
_WAKING_S: Final = 0.2
"""About how often usage_service would wake the rollups at saturation."""


async def _serve(database_url: str) -> None:
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with asyncpg.create_pool(
        login_url(database_url, ROLE), min_size=_CONNECTIONS, max_size=_CONNECTIONS, server_settings=BY_INDEX
    ) as pool:
        backends = await _backends(pool)
        rollups = RollupFollower(pool)
        before_us = 0.0
        stack = AsyncExitStack()
        while order := (await orders.readline()).decode().strip():
            if order == "go":
                before_us = _cpu_us(backends)
                await stack.enter_async_context(rollup_follower.running(rollups))
                alerts = AlertFollower(pool, AccountRefusals())
                await stack.enter_async_context(_waking(rollups, alerts, await _organizations(pool)))
                await stack.enter_async_context(standing_follower.running(StandingFollower(pool)))
                await stack.enter_async_context(alert_follower.running(alerts))
            else:
                await stack.aclose()
                await rollup_follower.caught_up(rollups)
            sys.stdout.write(f"{_cpu_us(backends) - before_us}\n")
            sys.stdout.flush()


@asynccontextmanager
async def _waking(rollups: RollupFollower, alerts: AlertFollower, organizations: list[str]) -> AsyncIterator[None]:
    settled = organizations * (1 + WAKE_AFTER // max(len(organizations), 1))

    async def wake() -> None:
        while True:
            await asyncio.sleep(_WAKING_S)
            rollups.committed(settled)
            alerts.committed(organizations)

    task = asyncio.create_task(wake())
    yield
    task.cancel()


async def _organizations(pool: asyncpg.Pool) -> list[str]:
    async with acting_for(pool, EVERY_ORGANIZATION) as connection:
        return [row[0] for row in await connection.fetch("SELECT organization_id FROM ledger_heads")]


async def _backends(pool: asyncpg.Pool) -> list[int]:
    connections = [await pool.acquire() for _ in range(_CONNECTIONS)]
    found = [await connection.fetchval("SELECT pg_backend_pid()") for connection in connections]
    for connection in connections:
        await pool.release(connection)
    return found


def _cpu_us(backends: list[int]) -> float:
    return (time.process_time() + sum(map(on_cpu_s, backends))) * 1e6


if __name__ == "__main__":
    asyncio.run(_serve(os.environ[DATABASE_URL]))
