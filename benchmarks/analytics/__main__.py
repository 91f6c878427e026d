"""Inserts a year of calls of 10,000 people in bulk, and measures what analytics does with it. It starts its own PostgreSQL.

It measures how fast the rollups follow, how large everything is, the median and the 99th percentile of each kind of question
and list, and the rate and memory of an export.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.analytics.exporting import Export, export_days
from benchmarks.analytics.past import END, ORGANIZATION, Plan, insert_past
from benchmarks.analytics.questions import DAYS, LISTS, QUESTIONS, Ask, Chance
from benchmarks.process_times import cpu_s, on_cpu_s, postgres_process
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.programs.postgres import start_postgres
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.connections import BY_INDEX, Connection
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.support.ports import free_port
from usage_service.rollups.follower import RollupFollower
from usage_service.rollups.store import ROLLUP_TABLES

PARTS: Final = ("questions", "lists", "export")
_TABLES: Final = ("usage_records", *ROLLUP_TABLES)
_FOLLOWING: Final = {**BY_INDEX, "statement_timeout": "10000"}
"""As usage_service's own pool."""
_POSITIONS: Final = """
SELECT h.sequence, coalesce(max(r.sequence), 0) FROM ledger_heads h
  LEFT JOIN usage_rollups r ON r.organization_id = h.organization_id AND r.state = 'CURRENT'
 WHERE h.organization_id = $1 GROUP BY h.sequence
"""
_SIZE: Final = """
SELECT sum(pg_total_relation_size(c.oid))::float8 AS bytes, sum(greatest(c.reltuples, 0))::float8 AS rows
  FROM pg_class c
 WHERE c.relkind = 'r' AND (c.oid = $1::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass))
"""
_MILLION: Final = 1_000_000
_TELL_EVERY_S: Final = 10.0
_EXPORTED_DAYS: Final = (4, 36)
"""Nine times as many calls must not need more memory."""
_SERVER_SETTINGS: Final = (
    # Bulk loading would otherwise wait for checkpoints.
    "ALTER SYSTEM SET max_wal_size = '2GB'",
    # A sixth of the memory of a machine with 24 GB. PostgreSQL's default of 128 MB is less than one month of running totals.
    "ALTER SYSTEM SET shared_buffers = '4GB'",
)
_LATEST_DAYS: Final = {"Questions about the last weeks": 7, "Questions about any days of the year": DAYS}
"""The days on which a period may end. People mostly ask about the last weeks, whose pages are in memory on a server in use."""
_PASSWORD: Final = "benchmark"  # noqa: S105 - only the benchmark uses this database


@dataclass(frozen=True, slots=True)
class Following:
    """How fast rollups followed the whole ledger."""

    events: int
    seconds: float
    cpu_us_per_event: float
    """Of PostgreSQL and the follower together."""

    @property
    def events_per_s(self) -> float:
        """Events of the ledger that were added each second."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class Times:
    """Durations of one kind of question, in milliseconds, inside an open transaction."""

    p50_ms: float
    p99_ms: float
    postgres_ms: float
    """The median of PostgreSQL's CPU time, which other work on the machine changes less."""
    service_ms: float
    """The median of admin_service's CPU time."""


async def _configure(url: str) -> None:
    owner = await asyncpg.connect(url)
    for statement in _SERVER_SETTINGS:
        await owner.execute(statement)
    await owner.close()


async def _prepare(url: str, plan: Plan, console: Console) -> None:
    owner = await asyncpg.connect(url)
    try:
        await migrate_with_derived_logins(owner, url)
        if await owner.fetchval("SELECT EXISTS (SELECT FROM organizations)"):
            return
        started = time.perf_counter()

        def tell(records: int) -> None:
            console.print(f"{records:,} records after {time.perf_counter() - started:.0f} s")

        await insert_past(owner, plan, tell)
    finally:
        await owner.close()


async def _follow(url: str, console: Console) -> Following | None:
    """Adds everything to the rollups. Returns None if they had every event. An ended run may not have added them to their days."""
    head, rolled = await _positions(url)
    server, own = await postgres_process(url), time.process_time()
    before, started = cpu_s(server), time.perf_counter()
    async with asyncpg.create_pool(
        login_url(url, "megarouter_usage"), min_size=1, max_size=2, server_settings=_FOLLOWING
    ) as pool:
        follower, told = RollupFollower(pool, lambda: END), time.perf_counter()
        while await follower.follow_once():
            if time.perf_counter() - told > _TELL_EVERY_S:
                told = time.perf_counter()
                console.print(f"{follower.lag_events:,} events left after {told - started:.0f} s")
        seconds = time.perf_counter() - started
    if head == rolled:
        return None
    events = head - rolled
    cpu_us = (cpu_s(server) - before + time.process_time() - own) / events * _MILLION
    return Following(events, seconds, cpu_us)


async def _positions(url: str) -> tuple[int, int]:
    """Returns the numbers of the last event of the ledger, and of the last one in the rollups."""
    owner = await asyncpg.connect(url)
    (row,) = await owner.fetch(_POSITIONS, ORGANIZATION)
    await owner.close()
    return row[0], row[1]


async def _vacuum(url: str) -> None:
    owner = await asyncpg.connect(url)
    await owner.execute(f"VACUUM (ANALYZE) {', '.join(ROLLUP_TABLES)}", timeout=3_600)
    await owner.close()


async def _sizes(url: str, events: int) -> dict[str, tuple[int, float]]:
    """Returns the rows and the megabytes with indexes of each table, per million calls."""
    owner = await asyncpg.connect(url)
    sizes = {}
    for table in _TABLES:
        (row,) = await owner.fetch(_SIZE, table)
        sizes[table] = (round(row["rows"] * _MILLION / events), row["bytes"] / events)
    await owner.close()
    return sizes


async def _ask_all(url: str, asks: Mapping[str, Ask], repetitions: int, latest_days: int = DAYS) -> dict[str, Times]:
    """Asks each question so often, each time about others, in transactions of admin_service."""
    found = {}
    async with asyncpg.create_pool(login_url(url, "megarouter_admin"), min_size=1, max_size=1) as pool:
        for name, ask in asks.items():
            chance, times_ms = Chance(name, latest_days), []
            for _ in range(repetitions + 1):
                async with acting_for(pool, ORGANIZATION, isolation="repeatable_read") as connection:
                    times_ms.append(await _timed(connection, ask, chance))
            # The first one also fills caches.
            wall, postgres, service = (sorted(each) for each in zip(*times_ms[1:], strict=True))
            found[name] = Times(*_cuts(wall), statistics.median(postgres), statistics.median(service))
    return found


async def _timed(connection: Connection, ask: Ask, chance: Chance) -> tuple[float, float, float]:
    """Returns the duration of a question, and the CPU time of PostgreSQL and of this process, in milliseconds."""
    backend = connection.get_server_pid()
    started, postgres_s, own_s = time.perf_counter(), on_cpu_s(backend), time.process_time()
    await ask(connection, chance)
    used_s = (time.perf_counter() - started, on_cpu_s(backend) - postgres_s, time.process_time() - own_s)
    return used_s[0] * 1_000, used_s[1] * 1_000, used_s[2] * 1_000


def _cuts(times_ms: Sequence[float]) -> tuple[float, float]:
    """Returns the median and the 99th percentile."""
    cuts = statistics.quantiles(times_ms, n=100, method="inclusive")
    return cuts[49], cuts[98]


def _table(title: str, times: Mapping[str, Times], standard: Mapping[str, bool] | None = None) -> Table:
    table = Table(title=title)
    for column in ("question", "p50 ms", "p99 ms", "CPU of PostgreSQL ms", "of admin_service ms"):
        table.add_column(column, justify="left" if column == "question" else "right")
    for name, one in times.items():
        mark = "" if standard is None or standard[name] else " (detail)"
        row = (one.p50_ms, one.p99_ms, one.postgres_ms, one.service_ms)
        table.add_row(name + mark, *(f"{figure:.1f}" for figure in row))
    return table


async def _measure(url: str, arguments: argparse.Namespace, console: Console) -> dict[str, object]:
    await _prepare(url, Plan(arguments.records, arguments.tagged), console)
    figures: dict[str, object] = {"records": arguments.records, "tagged": arguments.tagged}
    following = await _follow(url, console)
    await _vacuum(url)
    if following is not None:
        console.print(
            f"rollups: {following.events:,} events in {following.seconds:.0f} s, {following.events_per_s:,.0f}/s,"
            f" {following.cpu_us_per_event:.0f} µs CPU for each"
        )
    sizes = await _sizes(url, (await _positions(url))[0])
    for name, (rows, megabytes) in sizes.items():
        console.print(f"{name}: {rows:,} rows, {megabytes:,.0f} MB per million calls")
    figures |= {"following": asdict(following) if following else None, "sizes": sizes}
    parts = arguments.only or PARTS
    if "questions" in parts:
        for title, latest_days in _LATEST_DAYS.items():
            asked = await _ask_all(
                url, {name: kind.ask for name, kind in QUESTIONS.items()}, arguments.repetitions, latest_days
            )
            console.print(_table(title, asked, {name: kind.is_standard for name, kind in QUESTIONS.items()}))
            figures[title] = {name: asdict(one) for name, one in asked.items()}
    if "lists" in parts:
        listed = await _ask_all(url, LISTS, arguments.repetitions)
        console.print(_table("Pages of calls", listed))
        figures["lists"] = {name: asdict(one) for name, one in listed.items()}
    if "export" in parts:
        exports = [export_days(url, days) for days in _EXPORTED_DAYS]
        for one in exports:
            console.print(_told(one))
        figures["exports"] = [asdict(one) for one in exports]
    return figures


def _told(export: Export) -> str:
    return (
        f"export of {export.rows:,} calls: {export.rows_per_s:,.0f} rows/s, {export.size_mb:,.0f} MB,"
        f" {export.peak_memory_mb:.0f} MB of memory"
    )


def argument_parser() -> argparse.ArgumentParser:
    """Returns the parser for the options of `./dev bench analytics`."""
    parser = argparse.ArgumentParser(
        prog="./dev bench analytics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--records", type=int, default=_MILLION, metavar="N", help="calls of the year (default: a million)"
    )
    parser.add_argument(
        "--tagged", type=float, default=0.2, metavar="SHARE", help="share of calls with tags (default 0.2)"
    )
    parser.add_argument(
        "--repetitions", type=_repetitions, default=100, metavar="N", help="of each question, at least 2 (default 100)"
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="ask only these; can be repeated")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the database in this folder, or use it again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return parser


def _repetitions(text: str) -> int:
    number = int(text)
    if number < 2:
        raise argparse.ArgumentTypeError("must be at least 2")
    return number


def main() -> None:
    """Runs the benchmark and prints its tables."""
    arguments = argument_parser().parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    with tempfile.TemporaryDirectory(prefix="megarouter-analytics-") as temporary:
        directory = arguments.keep or Path(temporary)
        # A fixed password opens a database that an earlier run has kept.
        with start_postgres(directory, free_port(), password=_PASSWORD) as server:
            asyncio.run(_configure(server.url))
        with start_postgres(directory, free_port(), password=_PASSWORD) as server:
            figures = asyncio.run(_measure(server.url, arguments, console))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
