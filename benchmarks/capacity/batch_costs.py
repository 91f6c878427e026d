"""Measures what a batch of settlements costs: `python -m benchmarks.capacity.batch_costs`.

It holds the heads of its organizations all the time. A batch costs something itself, for each call and for each organization. Three
kinds of batches tell them apart.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import asyncpg
from rich.console import Console

from benchmarks.process_times import on_cpu_s
from benchmarks.settlement import call_hold, databases, fresh_database, make_organizations
from gateway_core.model.calls.holds import sign_hold
from gateway_core.runtime.telemetry.metrics import NO_METRICS
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import open_catalog_cache
from gateway_core.stores.postgres.connections import Connection, open_pool
from gateway_core.stores.postgres.hold_store import insert_holds
from tests.contract.usage_service.settlement_cases import SIGNING_KEY, make_report, make_settings
from usage_service.metrics import SettlementMetrics
from usage_service.settlement.rows import Settlement
from usage_service.settlement.settler import Settler
from usage_service.settlement.store import settle_batch
from usage_service.wiring import ROLE

CALLS, ORGANIZATIONS = 500, 100
_WARMING = 3


@dataclass(frozen=True)
class Spent:
    """What a batch took, in microseconds."""

    elapsed_us: float
    postgres_us: float
    """CPU of its connection."""
    service_us: float
    """CPU of usage_service."""


async def measured(database_url: str, batches: int) -> dict[str, Spent]:
    """Returns what a batch, a call and an organization cost."""
    owner = await asyncpg.connect(database_url)
    names = [f"org-{number}" for number in range(ORGANIZATIONS)]
    await make_organizations(owner, database_url, names)
    settings = make_settings(database_url, "redis://unused", database_pool_size=1)
    async with (
        open_pool(settings, ROLE, by_index=True) as pool,
        open_pool(settings, ROLE, by_index=True) as others,
        open_catalog_cache(others, settings, ROLE) as catalog,
    ):
        await catalog.loaded()
        settler = Settler(
            pool, catalog, [SIGNING_KEY], Tracing("usage_service", None), lambda _: None, SettlementMetrics(NO_METRICS)
        )
        async with pool.acquire() as connection:
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            kinds = {(1, 1): list[Spent](), (CALLS, 1): list[Spent](), (CALLS, ORGANIZATIONS): list[Spent]()}
            for number in range(batches + _WARMING):
                for (calls, organizations), spent in kinds.items():
                    batch = await _settlements(owner, settler, calls, names[:organizations])
                    one = await _spent(connection, backend, batch)
                    if number >= _WARMING:
                        spent.append(one)
    await owner.close()
    lone, full, spread = (_least(spent) for spent in kinds.values())
    call = _scaled(_less(full, lone), 1 / (CALLS - 1))
    organization = _scaled(_less(spread, full), 1 / (ORGANIZATIONS - 1))
    return {
        "batch": _less(_less(lone, call), organization),
        "call": call,
        "organization": organization,
    }


async def _settlements(
    owner: asyncpg.Connection, settler: Settler, calls: int, organizations: Sequence[str]
) -> list[Settlement]:
    holds = [call_hold(organizations[number % len(organizations)], number) for number in range(calls)]
    await insert_holds(owner, [(hold, sign_hold(hold, SIGNING_KEY)) for hold in holds])
    decided = [settler.decide_now(make_report(hold)) for hold in holds]
    return [one for one in decided if one is not None]


async def _spent(connection: Connection, backend: int, batch: Sequence[Settlement]) -> Spent:
    begun_s, before_s, own_s = time.perf_counter(), on_cpu_s(backend), time.process_time()
    await settle_batch(connection, batch)
    elapsed_s, service_s = time.perf_counter() - begun_s, time.process_time() - own_s
    return Spent(elapsed_s * 1e6, (on_cpu_s(backend) - before_s) * 1e6, service_s * 1e6)


def _least(spent: Sequence[Spent]) -> Spent:
    """Returns the smallest of each: what else the machine does only adds to them."""
    return Spent(*(min(values) for values in zip(*map(astuple, spent), strict=True)))


def _less(one: Spent, other: Spent) -> Spent:
    return Spent(*(mine - its for mine, its in zip(astuple(one), astuple(other), strict=True)))


def _scaled(one: Spent, factor: float) -> Spent:
    return Spent(*(value * factor for value in astuple(one)))


def main() -> None:
    """Prints the costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=30, help="of each kind")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="megarouter-batches-") as directory, databases(Path(directory)) as (url, _):

        async def run() -> dict[str, Spent]:
            return await measured(await fresh_database(url), asked.batches)

        for name, one in asyncio.run(run()).items():
            Console().print(
                f"a {name}: {one.elapsed_us:,.1f} µs, of which {one.postgres_us:,.1f} are CPU of PostgreSQL"
                f" and {one.service_us:,.1f} of usage_service"
            )


if __name__ == "__main__":
    main()
