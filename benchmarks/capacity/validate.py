"""Compares the simulation with real settlement on one machine: `python -m benchmarks.capacity.validate`.

It settles prepared calls with the pipelines of one, two and eight usage_services, in one process and thus on one core, into one
PostgreSQL, and simulates the same. Calls come at a steady rate, or all at once.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.capacity.costs import measured_costs
from benchmarks.capacity.load import Load, arrivals
from benchmarks.capacity.model import Plan
from benchmarks.capacity.settling import Batching
from benchmarks.capacity.simulate import quantile, simulate
from benchmarks.settlement import HOLDS_PER_INSERT, call_hold, databases, fresh_database, make_organizations
from gateway_core.model.calls.holds import sign_hold
from gateway_core.runtime.telemetry.metrics import NO_METRICS
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.hold_store import insert_holds
from tests.contract.usage_service.settlement_cases import SIGNING_KEY, make_report, make_settings
from usage_service.metrics import SettlementMetrics
from usage_service.settlement.entries import Entry, Origin
from usage_service.settlement.queue import pipeline
from usage_service.settlement.queue.pipeline import SettlementPipeline
from usage_service.settlement.settler import Settler
from usage_service.wiring import CONCURRENT_BATCHES, ROLE

AT_ONCE: Final = 1e6
"""Calls per second of a run without pauses."""
_SEED: Final = 1


@dataclass(frozen=True)
class Case:
    """What is settled."""

    gateways: int
    load: Load
    calls: int


@dataclass(frozen=True)
class Seen:
    """What was measured or simulated."""

    per_second: float
    calls_per_batch: float
    lag_s: Sequence[float]
    service_s: float = 0.0
    """CPU of usage_service for a call, measured."""

    @property
    def cells(self) -> list[str]:
        """The columns of the table."""
        lags = (f"{quantile(self.lag_s, share) * 1e3:,.0f}" for share in (0.5, 0.99))
        return [f"{self.per_second:,.0f}", f"{self.calls_per_batch:.0f}", *lags]


CASES = [
    Case(gateways, Load(rate, organizations, share, burst_factor=1.0), calls)
    for rate, calls in ((200.0, 3_000), (800.0, 12_000), (AT_ONCE, 20_000))
    for gateways, organizations, share in ((1, 1, 1.0), (2, 100, 0.3), (8, 100, 0.3))
]
CASES += [Case(20, Load(rate, 200, 0.3, burst_factor=1.0), 20_000) for rate in (1_000.0, 2_000.0)]


class _Watched:
    """One usage_service's pipeline, which notes the lag of each call."""

    def __init__(self, settler: Settler, seen: "list[tuple[float, int]]", lags: list[float]) -> None:
        self._settler, self._seen, self._lags = settler, seen, lags
        self._submitted: dict[int, float] = {}
        settings = Batching()
        self.pipeline = SettlementPipeline(
            self._settle,
            queue_entries=1_000_000,
            batch_entries=settings.entries,
            interval_ms=round(settings.interval_s * 1e3),
        )

    async def submit(self, entry: Entry) -> None:
        """Takes a call whose report comes now."""
        self._submitted[id(entry)] = time.perf_counter()
        await self.pipeline.submit([entry])

    async def _settle(self, batch: Sequence[Entry]) -> None:
        await self._settler.settle(batch)
        now_s = time.perf_counter()
        self._seen.append((now_s, len(batch)))
        self._lags += [now_s - self._submitted.pop(id(entry)) for entry in batch]


async def real(case: Case, database_url: str) -> Seen:
    """Settles the calls in a fresh database."""
    owner = await asyncpg.connect(database_url)
    names = [f"org-{number:04}" for number in range(case.load.organizations)]
    await make_organizations(owner, database_url, names)
    await owner.execute("ANALYZE")
    plan = [call for call, _ in zip(arrivals(case.load, Random(_SEED)), range(case.calls), strict=False)]  # noqa: S311
    holds = [call_hold(names[organization], number) for number, (_, organization) in enumerate(plan)]
    for start in range(0, len(holds), HOLDS_PER_INSERT):
        part = holds[start : start + HOLDS_PER_INSERT]
        await insert_holds(owner, [(hold, sign_hold(hold, SIGNING_KEY)) for hold in part])
    entries = [Entry(make_report(hold), Origin.STREAM) for hold in holds]
    settings, seen, lags = make_settings(database_url, "redis://unused"), list[tuple[float, int]](), list[float]()
    async with AsyncExitStack() as stack:
        services = []
        for _ in range(case.gateways):
            pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
            catalog = await stack.enter_async_context(open_catalog_cache(pool, settings, ROLE))
            await catalog.loaded()
            tracing, metrics = Tracing("usage_service", None), SettlementMetrics(NO_METRICS)
            watched = _Watched(Settler(pool, catalog, [SIGNING_KEY], tracing, lambda _: None, metrics), seen, lags)
            await stack.enter_async_context(pipeline.running(watched.pipeline, CONCURRENT_BATCHES, 60_000))
            services.append(watched)
        begun_s, before_s = time.perf_counter(), time.process_time()
        for number, ((time_s, _), entry) in enumerate(zip(plan, entries, strict=True)):
            if (early_s := begun_s + time_s - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            await services[number % len(services)].submit(entry)
        for service in services:
            await service.pipeline.drained()
        service_s = (time.process_time() - before_s) / case.calls
    await owner.close()
    took_s = max(time_s for time_s, _ in seen) - begun_s
    return Seen(case.calls / took_s, case.calls / len(seen), sorted(lags), service_s)


def simulated(case: Case, seen: Seen, postgres_cores: int) -> Seen:
    """Simulates the same: without decisions, holds and Redis, and with one core for all usage_services.

    The process reads no stream and follows no ledger, so its CPU for a call is what it was seen to take.
    """
    plan = Plan(case.gateways, 0.0, postgres_cores=postgres_cores)
    whole = measured_costs(plan.wal_bytes_per_second)
    organizations = min(case.load.organizations, seen.calls_per_batch)
    reading_s = max(
        seen.service_s - whole.batch.service_s(seen.calls_per_batch, organizations) / seen.calls_per_batch, 0.0
    )
    costs = replace(whole, decision_s=0.0, placing_s=0.0, following_s=0.0, other_postgres_s=0.0, reading_s=reading_s)
    is_steady = case.load.calls_per_second < AT_ONCE
    result = simulate(
        plan,
        case.load if is_steady else replace(case.load, calls_per_second=20_000.0),
        Random(_SEED),  # noqa: S311 - no secret
        seconds=case.calls / case.load.calls_per_second if is_steady else 5.0,
        warm_s=0.0 if is_steady else 0.5,
        costs=costs,
        services_per_core=case.gateways,
    )
    return Seen(result.settled_per_second, result.calls_per_batch, result.lag_s)


async def _compared(url: str, cases: Sequence[Case], postgres_cores: int) -> Table:
    table = Table(title="Settlement, measured and simulated")
    for column in (
        "usage_services",
        "organizations",
        "calls/s",
        "",
        "settled/s",
        "calls per batch",
        "lag p50 ms",
        "lag p99 ms",
    ):
        table.add_column(column, justify="right")
    for case in cases:
        rate = case.load.calls_per_second
        names = [str(case.gateways), str(case.load.organizations), f"{rate:,.0f}" if rate < AT_ONCE else "all at once"]
        seen = await real(case, await fresh_database(url))
        table.add_row(*names, "measured", *seen.cells)
        table.add_row("", "", "", "simulated", *simulated(case, seen, postgres_cores).cells)
    return table


def main() -> None:
    """Prints two rows for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least-services", type=int, default=1, help="leaves out cases with fewer usage_services")
    parser.add_argument("--postgres-cores", type=int, default=1, help="that are left for PostgreSQL on this machine")
    asked = parser.parse_args()
    cases = [case for case in CASES if case.gateways >= asked.least_services]
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-validate-") as directory,
        databases(Path(directory)) as (url, _),
    ):
        Console(width=140).print(asyncio.run(_compared(url, cases, asked.postgres_cores)))


if __name__ == "__main__":
    main()
