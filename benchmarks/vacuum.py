"""Shows what settling does to tables over minutes: `python -m benchmarks.vacuum`.

It starts its own PostgreSQL with its default settings of autovacuum, and settles calls at a steady rate while rollups and standings
follow. For each table it prints dead rows, in-place updates, the runs of autovacuum, and by how much table and indexes are larger
than rewritten ones. `--past-holds` starts with a table that has grown, and `--sql` with another setting of a table, to compare.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.settlement import KEYS, call_hold, fresh_database, make_organizations
from deploy.local.programs.postgres import start_postgres
from gateway_core.model.calls.holds import Hold, sign_hold
from gateway_core.runtime.telemetry.metrics import NO_METRICS
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.hold_store import insert_holds
from tests.contract.usage_service.settlement_cases import SIGNING_KEY, make_report, make_settings
from tests.support.ports import free_port
from usage_service.metrics import SettlementMetrics
from usage_service.rollups import follower as rollup_follower
from usage_service.rollups.follower import RollupFollower
from usage_service.settlement.entries import Entry, Origin
from usage_service.settlement.settler import Settler
from usage_service.standings import follower as standing_follower
from usage_service.standings.follower import StandingFollower
from usage_service.wiring import ROLE

TABLES: Final = (
    "ledger_heads", "ledger_accounts", "ledger_transfers", "scope_spend", "standings", "usage_hours", "usage_days", "usage_months",
    "usage_running_totals", "usage_records", "holds",
)  # fmt: skip
"""`scope_spend` has the counters, `standings` the use times of keys."""
_SAMPLE: Final = """
SELECT t.name, sum(s.n_live_tup)::bigint AS rows, sum(s.n_dead_tup)::bigint AS dead, sum(s.n_tup_upd)::bigint AS updates,
       sum(s.n_tup_hot_upd)::bigint AS in_place, sum(s.autovacuum_count)::bigint AS vacuums,
       sum(pg_table_size(s.relid))::bigint AS table_bytes, sum(pg_indexes_size(s.relid))::bigint AS index_bytes
  FROM pg_stat_user_tables s LEFT JOIN pg_inherits i ON i.inhrelid = s.relid
 CROSS JOIN LATERAL (SELECT coalesce(i.inhparent::regclass::text, s.relname) AS name) t
 WHERE t.name = ANY ($1) GROUP BY t.name ORDER BY array_position($1, t.name)
"""
"""A table and its partitions are one."""
_OPEN_HOLDS: Final = (
    "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT count(*), min(place_time) FROM holds WHERE state = 'HELD'"
)
"""What usage_service asks for its metrics. Dead rows make it read more."""
_PAST_HOLDS: Final = """
INSERT INTO holds (hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters, place_time, expire_time,
                   state, resolve_time)
SELECT md5(n::text), 'org-' || 1 + n % $2, 'mia', 'key-0', 1, repeat('x', 200), '{}', now(), now(), 'SETTLED', now()
  FROM generate_series(1, $1) n
"""
_STANDINGS: Final = """
INSERT INTO standings (organization_id, kind, id, group_path, is_removed, cycle, revision)
SELECT o, 'api_key', 'key-' || n, '{}', false, 'NEVER', 0 FROM unnest($1::text[]) o, generate_series(0, $2 - 1) n
"""
_SAMPLE_S: Final = 5.0
_PAUSE_S: Final = 0.1
_MOST_AT_ONCE: Final = 500
_PARTS: Final = 4
"""The first is compared with the last."""
_LATE_US: Final = 2 * 3_600_000_000


@dataclass(frozen=True)
class Load:
    """What is settled, and in what database."""

    organizations: int
    calls_per_s: float
    duration_s: float
    past_holds: int
    statements: Sequence[str]
    """Run before the load."""


@dataclass
class _Seen:
    """What was seen in the course of a load."""

    dead: dict[str, int]
    """The most dead rows of each table."""
    pages: int = 0
    query_ms: float = 0.0
    calls: list[int] = field(default_factory=lambda: [0] * _PARTS)
    settling_s: list[float] = field(default_factory=lambda: [0.0] * _PARTS)
    """Calls, and the time in which they were settled, in each part of the load."""

    async def sample(self, owner: asyncpg.Connection) -> None:
        for row in await owner.fetch(_SAMPLE, TABLES):
            self.dead[row["name"]] = max(self.dead[row["name"]], row["dead"])
        [plan] = json.loads(await owner.fetchval(_OPEN_HOLDS))
        self.pages = max(self.pages, plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])
        self.query_ms = max(self.query_ms, plan["Execution Time"])

    def title(self) -> str:
        speeds = [calls / max(settling_s, 1e-9) for calls, settling_s in zip(self.calls, self.settling_s, strict=True)]
        return (
            f"{sum(self.calls):,} calls. One settler could settle {speeds[0]:,.0f} calls/s in the first {_PARTS}th of the time,"
            f" {speeds[-1]:,.0f} in the last.\nCounting open holds: at most {self.pages:,} pages, {self.query_ms:.1f} ms."
        )


async def measure(server_url: str, load: Load) -> Table:
    """Settles calls for a while. Returns a row for each table."""
    database_url = await fresh_database(server_url)
    names = [f"org-{number}" for number in range(1, load.organizations + 1)]
    settings = make_settings(database_url, "redis://unused")
    async with AsyncExitStack() as stack:
        owner = await asyncpg.connect(database_url)
        stack.push_async_callback(owner.close)
        await make_organizations(owner, database_url, names)
        await owner.execute(_STANDINGS, names, KEYS)
        for statement in load.statements:
            await owner.execute(statement)
        await owner.execute(_PAST_HOLDS, load.past_holds, load.organizations)
        await owner.execute("VACUUM ANALYZE holds")
        pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
        catalog = await stack.enter_async_context(open_catalog_cache(pool, settings, ROLE))
        await catalog.loaded()
        rollups = RollupFollower(pool)
        await stack.enter_async_context(rollup_follower.running(rollups))
        await stack.enter_async_context(standing_follower.running(StandingFollower(pool)))
        settler = Settler(
            pool, catalog, [SIGNING_KEY], Tracing("usage_service", None),
            lambda recorded: rollups.committed([one.settlement.hold.claims.organization for one in recorded]),
            SettlementMetrics(NO_METRICS),
        )  # fmt: skip
        seen = await _settle_steadily(owner, settler, names, load)
        # PostgreSQL shows what a transaction has changed after a while.
        await asyncio.sleep(_SAMPLE_S)
        found = await owner.fetch(_SAMPLE, TABLES)
    return _table(found, await _rewritten(database_url), seen)


async def _settle_steadily(owner: asyncpg.Connection, settler: Settler, names: Sequence[str], load: Load) -> _Seen:
    seen = _Seen(dict.fromkeys(TABLES, 0))
    started = sampled = time.monotonic()
    calls = 0
    while (elapsed_s := time.monotonic() - started) < load.duration_s:
        due = min(int(elapsed_s * load.calls_per_s) - calls, _MOST_AT_ONCE)
        if due > 0:
            part = int(elapsed_s / load.duration_s * _PARTS)
            seen.settling_s[part] += await _settle(owner, settler, names, range(calls, calls + due))
            seen.calls[part] += due
            calls += due
        if time.monotonic() - sampled > _SAMPLE_S:
            sampled = time.monotonic()
            await seen.sample(owner)
        await asyncio.sleep(_PAUSE_S)
    return seen


async def _rewritten(database_url: str) -> dict[str, asyncpg.Record]:
    """Returns the sizes of the tables without any room between rows but what their settings want."""
    async with AsyncExitStack() as stack:
        owner = await asyncpg.connect(database_url)
        stack.push_async_callback(owner.close)
        for table in TABLES:
            await owner.execute(f"VACUUM FULL {table}")
        return {row["name"]: row for row in await owner.fetch(_SAMPLE, TABLES)}


async def _settle(owner: asyncpg.Connection, settler: Settler, names: Sequence[str], numbers: range) -> float:
    """Returns the seconds in which calls were settled. Making their holds does not count."""
    holds = [_hold(names, number) for number in numbers]
    await insert_holds(owner, [(hold, sign_hold(hold, SIGNING_KEY)) for hold in holds])
    started = time.monotonic()
    await settler.settle([Entry(make_report(hold), Origin.STREAM) for hold in holds])
    return time.monotonic() - started


def _hold(names: Sequence[str], number: int) -> Hold:
    """Returns the hold of a call. Every tenth began two hours ago, so that rollups also write days and months."""
    hold = call_hold(names[number // KEYS % len(names)], number)
    return hold if number % 10 else replace(hold, placed_epoch_us=hold.placed_epoch_us - _LATE_US)


def _table(rows: Sequence[asyncpg.Record], rewritten: dict[str, asyncpg.Record], seen: _Seen) -> Table:
    table = Table("table", title=seen.title())
    for column in (
        "rows",
        "updates",
        "HOT",
        "dead",
        "most dead",
        "vacuums",
        "table kB",
        "rewritten",
        "indexes kB",
        "rewritten",
    ):
        table.add_column(column, justify="right")
    for row in rows:
        name, updates = row["name"], row["updates"]
        sizes = (one[size] for size in ("table_bytes", "index_bytes") for one in (row, rewritten[name]))
        table.add_row(
            name,
            *(f"{row['rows']:,}", f"{updates:,}"),
            f"{row['in_place'] / updates:.0%}" if updates else "",
            *(f"{row['dead']:,}", f"{seen.dead[name]:,}", str(row["vacuums"])),
            *(f"{size / 1024:,.0f}" for size in sizes),
        )
    return table


@contextmanager
def _server() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-vacuum-") as directory,
        start_postgres(Path(directory) / "postgres", free_port()) as server,
    ):
        yield server.url


def main() -> None:
    """Prints a row for each table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=int, default=10)
    parser.add_argument("--calls-per-s", type=float, default=200.0)
    parser.add_argument("--duration-s", type=float, default=240.0)
    parser.add_argument("--past-holds", type=int, default=0)
    parser.add_argument("--sql", action="append", default=[], help="a statement to run first; repeatable")
    chosen = parser.parse_args()
    load = Load(chosen.organizations, chosen.calls_per_s, chosen.duration_s, chosen.past_holds, chosen.sql)
    with _server() as url:
        table = asyncio.run(measure(url, load))
    Console(width=160, highlight=False).print(table)


if __name__ == "__main__":
    main()
