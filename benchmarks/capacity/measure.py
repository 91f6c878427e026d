"""Measures what a call costs PostgreSQL and Redis: `python -m benchmarks.capacity.measure`.

It starts a whole stack, makes calls of several organizations through Envoy, and compares the databases' own counters before and
after, once everything is settled. What an idle stack does in the same time is subtracted.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import aiohttp
import asyncpg
from redis.asyncio import Redis
from rich.console import Console

from benchmarks.process_times import cpu_s, postgres_process, redis_process
from deploy.local.stack.secrets import load_or_make_secrets
from deploy.local.supervision.embedded_stack import Stack
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.faults.steady_load import SteadyLoad
from tests.support.faults.sums import books_equal, settled
from tests.support.ports import free_port_base

ORGANIZATIONS = 4
WARM_S = 3.0
AFTER_S = 3.0
"""Within this time counters, rollups and alerts have followed the last call."""
COUNTED = (
    "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, xact_commit, tup_inserted, tup_updated"
    " FROM pg_stat_database WHERE datname = current_database()"
)
STORED = "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


@dataclass(frozen=True)
class Counters:
    """What has been counted since the databases started, or between two moments."""

    wal_bytes: float
    commits: float
    rows_inserted: float
    rows_updated: float
    stored_bytes: float
    redis_commands: float
    redis_bytes_in: float
    redis_bytes_out: float
    postgres_cpu_us: float
    redis_cpu_us: float

    def less(self, other: "Counters", share: float = 1.0) -> "Counters":
        """Returns the difference to a share of other counters."""
        names = [field.name for field in fields(self)]
        return Counters(*(getattr(self, name) - share * getattr(other, name) for name in names))


class Databases:
    """Reads the counters of a stack's databases."""

    def __init__(self, pool: asyncpg.Pool, redis: Redis, postgres_id: int, redis_id: int) -> None:
        self._pool, self._redis, self._postgres_id, self._redis_id = pool, redis, postgres_id, redis_id

    async def counters(self) -> Counters:
        """Returns the counters at this moment. Waits until PostgreSQL's connections have reported theirs."""
        await asyncio.sleep(1.5)
        row, stored = await self._pool.fetchrow(COUNTED), await self._pool.fetchval(STORED)
        stats = await self._redis.info("stats")
        wal_bytes, commits, inserted, updated = map(float, row or ())
        return Counters(
            wal_bytes,
            commits,
            inserted,
            updated,
            float(stored),
            float(stats["total_commands_processed"]),
            float(stats["total_net_input_bytes"]),
            float(stats["total_net_output_bytes"]),
            cpu_s(self._postgres_id) * 1e6,
            cpu_s(self._redis_id) * 1e6,
        )

    async def connections(self) -> tuple[int, int]:
        """Returns how many connections the stack has to PostgreSQL and to Redis, without this benchmark's."""
        postgres = await self._pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user"
        )
        clients = await self._redis.info("clients")
        return int(postgres), int(clients["connected_clients"]) - 1


async def measured(stack: Stack, calls_per_second: int, seconds: float) -> dict[str, float]:
    """Returns the constants, by name."""
    environment = stack.environment
    pepper = bytes.fromhex(load_or_make_secrets(stack.home).key_pepper)
    redis = Redis.from_url(environment["MEGAROUTER_REDIS_URL"])
    async with (
        asyncpg.create_pool(environment["MEGAROUTER_DATABASE_URL"], min_size=1, max_size=1) as pool,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        redis,
    ):
        tenants = [await make_tenant(pool, pepper) for _ in range(ORGANIZATIONS)]
        postgres_id = await postgres_process(environment["MEGAROUTER_DATABASE_URL"])
        databases = Databases(pool, redis, postgres_id, await redis_process(redis))
        await _calls(session, environment["MEGAROUTER_BASE_URL"], tenants, calls_per_second, WARM_S)
        idle_from, begun_s = await databases.counters(), time.monotonic()
        await asyncio.sleep(seconds)
        start, idle_s = await databases.counters(), time.monotonic() - begun_s
        begun_s = time.monotonic()
        count = await _calls(session, environment["MEGAROUTER_BASE_URL"], tenants, calls_per_second, seconds)
        end, busy_s = await databases.counters(), time.monotonic() - begun_s
        connections = await databases.connections()
    spent = end.less(start).less(start.less(idle_from), busy_s / idle_s)
    constants = {name: value / count for name, value in asdict(spent).items()}
    return {**constants, "postgres_connections": connections[0], "redis_connections": connections[1], "calls": count}


async def _calls(
    session: aiohttp.ClientSession, base_url: str, tenants: Sequence[Tenant], per_second: int, seconds: float
) -> int:
    """Makes calls, waits until they are settled, and returns how many there were."""
    async with SteadyLoad(session, base_url, tenants, per_second) as load:
        await asyncio.sleep(seconds)
    if load.refused:
        raise SystemExit(f"{len(load.refused)} calls were refused")
    await books_equal(tenants[0].database, [str(one.request_id) for one in load.outcomes], look_interval_s=0.2)
    await settled(tenants)
    await asyncio.sleep(AFTER_S)
    return len(load.outcomes)


def main() -> None:
    """Prints the constants of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls-per-second", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        base = free_port_base(20)
        with Stack(Path(directory) / "home", base, workers=asked.workers) as stack:
            constants = asyncio.run(measured(stack, asked.calls_per_second, asked.seconds))
    for name, value in constants.items():
        Console().print(f"{name} = {value:,.1f}")


if __name__ == "__main__":
    main()
