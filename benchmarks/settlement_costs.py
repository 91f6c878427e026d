"""Compares what settling a call costs without and with tags, and without and with followers, beside a control.

`python -m benchmarks.settlement_costs` alternates short runs (`benchmarks.comparisons`). Costs are CPU time of usage_service's
process and of its connection to PostgreSQL.

Rollups, standings and alerts follow in a process of their own here, so that their cost does not count as settlement's. What a
process that has nothing to do with settlement changes is the machine's share: a cache, memory and clock in common.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console

from benchmarks.comparisons import Comparison, compare
from benchmarks.neighbors.process import Neighbor, NeighborProcess
from benchmarks.process_times import on_cpu_s
from benchmarks.settlement import call_hold, databases, fresh_database, make_organizations
from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.holds import sign_hold
from gateway_core.runtime.telemetry.metrics import NO_METRICS
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.hold_store import insert_holds
from tests.contract.usage_service.settlement_cases import SIGNING_KEY, make_report, make_settings
from usage_service.metrics import SettlementMetrics
from usage_service.settlement.entries import Entry, Origin
from usage_service.settlement.settler import Settler
from usage_service.wiring import ROLE

_ORGANIZATION: Final = "org-1"
_TAGS: Final = (("env", "test"), ("project", "search"))
_BATCH: Final = 250
_BATCHES_PER_RUN: Final = 8
"""So the followers have several rounds in a run of a few hundred milliseconds."""


class _Settling:
    """Settles runs of calls, and measures what they cost."""

    def __init__(self, owner: asyncpg.Connection, settler: Settler, backend: int) -> None:
        self._owner, self._settler, self._backend = owner, settler, backend

    async def run(self, tags: Tags, batches: int) -> float:
        """Settles a run of new calls. Returns the CPU time of a call in microseconds."""
        runs = [await self._entries(tags) for _ in range(batches)]
        before_us = self._cpu_us()
        for entries in runs:
            await self._settler.settle(entries)
        return (self._cpu_us() - before_us) / (batches * _BATCH)

    async def _entries(self, tags: Tags) -> Sequence[Entry]:
        holds = [call_hold(_ORGANIZATION, number, tags) for number in range(_BATCH)]
        await insert_holds(self._owner, [(hold, sign_hold(hold, SIGNING_KEY)) for hold in holds])
        return [Entry(make_report(hold), Origin.STREAM) for hold in holds]

    def _cpu_us(self) -> float:
        return (time.process_time() + on_cpu_s(self._backend)) * 1e6


@asynccontextmanager
async def _settling(database_url: str) -> AsyncIterator[_Settling]:
    owner = await asyncpg.connect(database_url)
    await make_organizations(owner, database_url, [_ORGANIZATION])
    settings = make_settings(database_url, "redis://unused", database_pool_size=1)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
        others = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
        catalog = await stack.enter_async_context(open_catalog_cache(others, settings, ROLE))
        await catalog.loaded()
        backend = await pool.fetchval("SELECT pg_backend_pid()")
        tracing, measures = Tracing("usage_service", None), SettlementMetrics(NO_METRICS)
        yield _Settling(owner, Settler(pool, catalog, [SIGNING_KEY], tracing, lambda _: None, measures), backend)
    await owner.close()


async def compare_tags(postgres_url: str, pairs: int) -> Comparison:
    """Settles runs of plain and of tagged calls in turns."""
    async with _settling(await fresh_database(postgres_url)) as settling:
        return await compare(lambda is_tagged: settling.run(_TAGS if is_tagged else (), 2), pairs)


async def compare_neighbors(postgres_url: str, pairs: int, neighbor: Neighbor, tags: Tags) -> tuple[Comparison, str]:
    """Settles runs that nothing accompanies, and runs beside a neighbor, in turns.

    Returns the comparison of settlement itself, and what the neighbor used for each call.
    """
    database_url = await fresh_database(postgres_url)
    used_us: list[float] = []
    async with _settling(database_url) as settling, NeighborProcess.started(neighbor, database_url) as process:

        async def run(is_accompanied: bool) -> float:  # noqa: FBT001 - which of two kinds
            if is_accompanied:
                await process.go()
            spent_us = await settling.run(tags, _BATCHES_PER_RUN)
            halted_us = await process.halt()
            if is_accompanied:
                used_us.append(halted_us / (_BATCHES_PER_RUN * _BATCH))
            else:
                await process.catch_up()
            return spent_us

        comparison = await compare(run, pairs)
    return comparison, f"{statistics.median(used_us[-pairs:]):.1f} µs"


async def _run(postgres_url: str, pairs: int) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(f"CPU of settling a call, two tags: {await compare_tags(postgres_url, pairs * 4)}")
    for name, neighbor, tags in (
        ("followers", Neighbor.FOLLOWERS, ()),
        ("something unrelated", Neighbor.UNRELATED, ()),
        ("followers, two tags in both", Neighbor.FOLLOWERS, _TAGS),
    ):
        settled, used = await compare_neighbors(postgres_url, pairs, neighbor, tags)
        console.print(f"CPU of settling a call, {name}: {settled}; the neighbor used {used} for each")


def main() -> None:
    """Prints the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60, help="of runs with followers (default: %(default)s)")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-settlement-") as directory,
        databases(Path(directory)) as (postgres_url, _),
    ):
        asyncio.run(_run(postgres_url, arguments.pairs))


if __name__ == "__main__":
    main()
