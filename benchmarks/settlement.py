"""Measures the speed of settlement with prepared calls in usage_service's own pipeline: `python -m benchmarks.settlement`.

It starts its own PostgreSQL and Redis in a temporary directory, inserts the holds, and settles one report for each. It does so with
PostgreSQL alone and with Redis following, for one organization that owns everything and for a hundred.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import asyncpg
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from authz_service.holds.admission import Admissions
from authz_service.holds.placement_floors import PlacementFloors
from benchmarks.process_times import cpu_s, postgres_process
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.programs.postgres import start_postgres
from deploy.local.programs.redis import start_redis
from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.call_limits import Limits
from gateway_core.model.calls.holds import Hold, sign_hold
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import UsageSettings
from gateway_core.runtime.telemetry.metrics import NO_METRICS
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.hold_store import SpendStore, insert_holds
from gateway_core.stores.redis.hold_counters import HoldCounters
from gateway_core.stores.redis.placing import Rung, placing_terms
from tests.contract.usage_service.settlement_cases import (
    SIGNING_KEY,
    make_hold,
    make_report,
    make_settings,
    prepare,
)
from tests.support.ports import free_port
from usage_service.counters import follower as counter_follower
from usage_service.counters.finished_calls import FinishedCalls
from usage_service.counters.follower import CounterFollower
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.counters.progress import applied_sequences
from usage_service.metrics import SettlementMetrics
from usage_service.rollups import follower as rollup_follower
from usage_service.rollups.follower import RollupFollower
from usage_service.settlement.charge_decision import CallReport
from usage_service.settlement.entries import Entry, Origin
from usage_service.settlement.queue import pipeline
from usage_service.settlement.queue.pipeline import SettlementPipeline
from usage_service.settlement.rows import RecordedSettlement
from usage_service.settlement.settler import Settler
from usage_service.wiring import CONCURRENT_BATCHES, ROLE

HOLDS_PER_INSERT = 1_000
KEYS = 20
"""Keys of each organization."""
_SAMPLE_S: Final = 0.05
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run."""

    calls: int
    settle_s: float
    """Until the last call is recorded in the ledger."""
    follow_s: float | None
    """Until Redis has also counted the last call; None without Redis."""
    batches: int
    batch_s: float
    """The sum over all batches, several of which are concurrent."""
    cpu_us_per_call: float = 0.0
    """Of PostgreSQL and this process together, until every follower has caught up."""
    rollup_lag_s: float | None = None
    """The longest time for which the rollups were not in step; None if nothing rolls up."""

    @property
    def calls_per_s(self) -> float:
        """Calls per second in the ledger, and in Redis if it follows."""
        return self.calls / (self.follow_s or self.settle_s)


async def measure(
    database_url: str,
    redis_url: str | None,
    calls: int,
    organizations: int,
    *,
    tags: Tags = (),
    rolls_up: bool = False,
    pooler: str | None = None,
) -> Figures:
    """Settles calls that are spread evenly over organizations, in a fresh database.

    Args:
        database_url: of the owner.
        redis_url: None settles without Redis.
        calls: how many.
        organizations: how many own them.
        tags: of each call.
        rolls_up: whether rollups follow meanwhile.
        pooler: where a pooler in transaction mode listens; None connects directly.
    """
    settings = make_settings(database_url, redis_url or "redis://unused", database_pooler=pooler)
    names = [f"org-{number}" for number in range(1, organizations + 1)]
    reports = await _prepare(database_url, names, calls, tags)
    server = await postgres_process(database_url)
    async with open_pool(settings, ROLE, by_index=True) as pool, _following(pool, redis_url, names) as follower:
        before_s = cpu_s(server) + time.process_time()
        async with _rolling_up(pool if rolls_up else None) as rollups:
            figures = await _settle(settings, pool, follower, reports, rollups)
        cpu_us = (cpu_s(server) + time.process_time() - before_s) / calls * 1_000_000
        return replace(figures, cpu_us_per_call=cpu_us, rollup_lag_s=rollups.longest_s if rollups else None)


class _Rollups:
    """Rollups that follow, and the longest time for which they were behind."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.follower = RollupFollower(pool)
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            self.longest_s = max(self.longest_s, self.follower.age_s)
            await asyncio.sleep(_SAMPLE_S)


@asynccontextmanager
async def _rolling_up(pool: asyncpg.Pool | None) -> AsyncIterator[_Rollups | None]:
    """Lets rollups follow, and waits at the end until they have caught up."""
    if pool is None:
        yield None
        return
    rollups = _Rollups(pool)
    # Partitions are there before the first call, as in any running deployment.
    await rollup_follower.caught_up(rollups.follower)
    async with rollup_follower.running(rollups.follower), in_background(rollups.watch()):
        yield rollups
    await rollup_follower.caught_up(rollups.follower)


async def _prepare(database_url: str, organizations: Sequence[str], calls: int, tags: Tags) -> list[CallReport]:
    connection = await asyncpg.connect(database_url)
    await make_organizations(connection, database_url, organizations)
    holds = [call_hold(organizations[number % len(organizations)], number, tags) for number in range(calls)]
    signed = [(hold, sign_hold(hold, SIGNING_KEY)) for hold in holds]
    for start in range(0, calls, HOLDS_PER_INSERT):
        await insert_holds(connection, signed[start : start + HOLDS_PER_INSERT])
    await connection.execute("ANALYZE")
    await connection.close()
    return [make_report(hold) for hold in holds]


async def make_organizations(owner: asyncpg.Connection, database_url: str, organizations: Sequence[str]) -> None:
    """Migrates a fresh database and adds organizations with credit."""
    await migrate_with_derived_logins(owner, database_url)
    # New organizations have no credit to top up by default.
    await owner.execute("ALTER TABLE credit_lines ALTER line_nano_credits SET DEFAULT NULL")
    await prepare(owner, *organizations)


def call_hold(organization: str, number: int, tags: Tags = ()) -> Hold:
    """Returns the hold of a call that an organization makes now, with one of its keys."""
    hold = make_hold(organization)
    key, *others = hold.claims.counters
    name = f"key-{number % KEYS}"
    claims = replace(hold.claims, api_key=name, counters=(replace(key, scope_id=name), *others))
    # Rollups treat calls of hours that are over in another way, which costs more.
    placed_epoch_us = time.time_ns() // 1_000
    return replace(hold, claims=claims, placement=number + 1, placed_epoch_us=placed_epoch_us, tags=tags)


@asynccontextmanager
async def _following(
    pool: asyncpg.Pool, redis_url: str | None, organizations: Sequence[str]
) -> AsyncIterator[CounterFollower | None]:
    """Opens a follower whose Redis knows every organization, or yields None without Redis."""
    if redis_url is None:
        yield None
        return
    redis = Redis.from_url(redis_url, decode_responses=True)
    await redis.flushall()
    for organization in organizations:
        await _seed(redis, SpendStore(pool), organization)
    follower = CounterFollower(redis, LedgerEvents(pool), FinishedCalls(redis).note_waits)
    async with counter_follower.running(follower, finish_timeout_ms=1_000):
        yield follower
        await _check_in_step(redis, pool, organizations)
    await redis.aclose()


async def _seed(redis: Redis, store: SpendStore, organization: str) -> None:
    """Seeds Redis as authz_service does, with a call of each key that costs nothing."""
    floors = PlacementFloors(store.highest_placement, time.monotonic)
    admissions = Admissions(
        HoldCounters(redis), store, floors, 1, lambda: f"generation-{next(_numbers)}", _numbers.__next__
    )
    for number in range(KEYS):
        hold = replace(call_hold(organization, number), amount_nano_credits=0)
        unlimited = (None,) * len(hold.claims.counters)
        limits = Limits(budgets=unlimited, reset_epoch_s=unlimited)
        await admissions.place([Rung(placing_terms(hold.claims, limits), hold)])


async def _check_in_step(redis: Redis, pool: asyncpg.Pool, organizations: Sequence[str]) -> None:
    applied = await applied_sequences(redis, organizations)
    heads = dict(await LedgerEvents(pool).heads("", len(organizations)))
    if applied != heads:
        raise RuntimeError("Redis does not match the ledgers")


async def _settle(
    settings: UsageSettings,
    pool: asyncpg.Pool,
    follower: CounterFollower | None,
    reports: Sequence[CallReport],
    rollups: _Rollups | None,
) -> Figures:
    durations_s: list[float] = []

    def committed(recorded: Sequence[RecordedSettlement]) -> None:
        if follower is not None:
            follower.committed(recorded)
        if rollups is not None:
            rollups.follower.committed([one.settlement.hold.claims.organization for one in recorded])

    async with open_catalog_cache(pool, settings, ROLE) as catalog:
        await catalog.loaded()
        settler = Settler(
            pool, catalog, [SIGNING_KEY], Tracing("usage_service", None), committed, SettlementMetrics(NO_METRICS)
        )

        async def settle(batch: Sequence[Entry]) -> None:
            started = time.perf_counter()
            await settler.settle(batch)
            durations_s.append(time.perf_counter() - started)

        settlements = SettlementPipeline(
            settle,
            queue_entries=settings.settle_queue_entries,
            batch_entries=settings.settle_batch_entries,
            interval_ms=settings.settle_interval_ms,
        )
        started = time.perf_counter()
        async with pipeline.running(settlements, CONCURRENT_BATCHES, settings.shutdown_grace_ms):
            for report in reports:
                await settlements.submit([Entry(report, Origin.STREAM)])
            await settlements.drained()
            settle_s = time.perf_counter() - started
        if follower is not None:
            await follower.in_step()
        follow_s = time.perf_counter() - started
    if settler.counts.settled != len(reports):
        raise RuntimeError("some calls were not settled")
    return Figures(len(reports), settle_s, None if follower is None else follow_s, len(durations_s), sum(durations_s))


@contextmanager
def databases(directory: Path) -> Iterator[tuple[str, str]]:
    """Runs a PostgreSQL and a Redis, and yields their URLs."""
    with (
        start_postgres(directory / "postgres", free_port()) as postgres,
        start_redis(directory / "redis", free_port()) as redis,
    ):
        yield postgres.url, redis.url


async def fresh_database(server_url: str) -> str:
    """Creates a database. Returns its URL."""
    name = f"settlement_{next(_numbers)}"
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return server_url.rsplit("/", 1)[0] + f"/{name}"


async def _run_all(postgres_url: str, redis_url: str, calls: int) -> Table:
    table = Table(title=f"Settlement of {calls:,} calls")
    for column in ("organizations", "Redis", "calls/s", "batches", "calls per batch", "ms per batch"):
        table.add_column(column, justify="right")
    for organizations, follows in itertools.product((1, 100), (False, True)):
        database_url = await fresh_database(postgres_url)
        figures = await measure(database_url, redis_url if follows else None, calls, organizations)
        table.add_row(
            str(organizations),
            "follows" if follows else "absent",
            f"{figures.calls_per_s:,.0f}",
            str(figures.batches),
            f"{figures.calls / figures.batches:.0f}",
            f"{figures.batch_s / figures.batches * 1_000:.0f}",
        )
    return table


def main() -> None:
    """Prints a row for each number of organizations, without and with Redis."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-settlement-") as directory,
        databases(Path(directory)) as (postgres_url, redis_url),
    ):
        Console().print(asyncio.run(_run_all(postgres_url, redis_url, arguments.calls)))


if __name__ == "__main__":
    main()
