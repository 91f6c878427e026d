"""Compares PostgreSQL reached directly and through PgBouncer in transaction mode: `python -m benchmarks.pooling`.

Runs alternate between the two in one process. Each settles prepared calls in a fresh database, and then makes single statements one
after the other, as authz_service does for a key that it does not know. It needs Debian's package pgbouncer.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.process_times import cpu_s
from benchmarks.settlement import databases, fresh_database, measure
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.stack.database_urls import service_database_urls
from gateway_core.stores.postgres.connections import open_pool
from tests.contract.usage_service.settlement_cases import make_settings
from tests.support.postgresql.pgbouncer import PgBouncer, running_pgbouncer
from usage_service.wiring import ROLE

_LOOKUPS: Final = 1_000
_LOOKUP: Final = "SELECT hold_id FROM holds WHERE hold_id = $1"


@dataclass(frozen=True, slots=True)
class _Run:
    """The figures of one run."""

    calls_per_s: float
    cpu_us_per_call: float
    pooler_us_per_call: float
    lookup_us: float


async def _run(postgres_url: str, bouncer: PgBouncer, calls: int, *, is_pooled: bool) -> _Run:
    pooler = bouncer.place if is_pooled else None
    url = await fresh_database(postgres_url)
    before_s = cpu_s(bouncer.pid)
    figures = await measure(url, None, calls, 1, pooler=pooler)
    pooler_us = (cpu_s(bouncer.pid) - before_s) / calls * 1_000_000
    async with open_pool(make_settings(url, "redis://unused", database_pooler=pooler), ROLE, by_index=True) as pool:
        await pool.fetchval(_LOOKUP, "none")
        started_s = time.perf_counter()
        for number in range(_LOOKUPS):
            await pool.fetchval(_LOOKUP, str(number))
        lookup_us = (time.perf_counter() - started_s) / _LOOKUPS * 1_000_000
    return _Run(figures.calls_per_s, figures.cpu_us_per_call, pooler_us, lookup_us)


async def _compare(postgres_url: str, bouncer: PgBouncer, calls: int, rounds: int) -> Table:
    runs: dict[bool, list[_Run]] = {False: [], True: []}
    for _ in range(rounds):
        for is_pooled, found in runs.items():
            found.append(await _run(postgres_url, bouncer, calls, is_pooled=is_pooled))
    table = Table(title=f"Settlement of {calls:,} calls, medians of {rounds} runs each")
    for column in ("", "calls/s", "CPU µs per call", "of PgBouncer", "µs per single statement"):
        table.add_column(column, justify="right")
    for is_pooled, found in runs.items():
        table.add_row("PgBouncer" if is_pooled else "direct", *_medians(found))
    return table


def _medians(runs: Sequence[_Run]) -> tuple[str, ...]:
    columns = zip(
        *((one.calls_per_s, one.cpu_us_per_call, one.pooler_us_per_call, one.lookup_us) for one in runs), strict=True
    )
    return tuple(f"{statistics.median(column):,.0f}" for column in columns)


async def _prepare(postgres_url: str) -> None:
    """Creates the roles, which belong to the server."""
    owner = await asyncpg.connect(postgres_url)
    await migrate_with_derived_logins(owner, postgres_url)
    await owner.close()


def main() -> None:
    """Prints a row for each way to connect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-pooling-") as name,
        databases(Path(name)) as (postgres_url, _),
    ):
        asyncio.run(_prepare(postgres_url))
        logins = list(service_database_urls(postgres_url, {}).values())
        with running_pgbouncer(Path(name) / "pgbouncer", logins) as bouncer:
            Console().print(asyncio.run(_compare(postgres_url, bouncer, arguments.calls, arguments.rounds)))


if __name__ == "__main__":
    main()
