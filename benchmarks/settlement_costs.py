"""Compares what settling a call costs without and with tags, and without and with rollups: `python -m benchmarks.settlement_costs`.

Batches without and with two tags alternate on one connection. Runs without and with rollups that follow alternate in fresh
databases.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.settlement import Figures, call_hold, databases, fresh_database, make_organizations, measure
from deploy.local.stack.database_urls import login_url
from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.holds import sign_hold, verify_hold
from gateway_core.stores.postgres.connections import BY_INDEX
from gateway_core.stores.postgres.hold_store import insert_holds
from tests.contract.usage_service.settlement_cases import SIGNING_KEY, make_settlement
from usage_service.settlement.store import settle_batch
from usage_service.wiring import ROLE

_TAGS: Final = (("env", "test"), ("project", "search"))
_TAGGED_BATCH: Final = 200
_WARMING: Final = 5


async def compare_rollups(postgres_url: str, calls: int, rounds: int) -> Table:
    """Settles calls that rollups follow, and others, in turns."""
    kinds: dict[str, dict[str, Any]] = {
        "no rollups": {},
        "rollups follow": {"rolls_up": True},
        "rollups follow, two tags": {"tags": _TAGS, "rolls_up": True},
    }
    found: dict[str, list[Figures]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, options in kinds.items():
            database_url = await fresh_database(postgres_url)
            found[name].append(await measure(database_url, None, calls, 1, **options))
    table = Table(title=f"CPU of a call, median of {rounds} rounds of {calls:,} calls")
    for column in ("", "CPU µs/call", "to the first, by round", "calls/s", "behind, at most s"):
        table.add_column(column, justify="right")
    plain = [one.cpu_us_per_call for one in found["no rollups"]]
    for name, figures in found.items():
        ratio = statistics.median(one.cpu_us_per_call / base for one, base in zip(figures, plain, strict=True))
        lags = [one.rollup_lag_s for one in figures if one.rollup_lag_s is not None]
        table.add_row(
            name,
            f"{statistics.median(one.cpu_us_per_call for one in figures):.0f}",
            f"{ratio:.3f}",
            f"{statistics.median(one.calls_per_s for one in figures):,.0f}",
            f"{max(lags):.2f}" if lags else "",
        )
    return table


async def compare_tags(postgres_url: str, calls: int) -> str:
    """Settles batches of plain and tagged calls in turns, on one connection, and compares their CPU time."""
    database_url = await fresh_database(postgres_url)
    owner = await asyncpg.connect(database_url)
    await make_organizations(owner, database_url, ["org-1"])
    spent_us: dict[Tags, list[float]] = {(): [], _TAGS: []}
    async with asyncpg.create_pool(
        login_url(database_url, ROLE), min_size=1, max_size=1, server_settings=BY_INDEX
    ) as pool:
        backend = await pool.fetchval("SELECT pg_backend_pid()")
        for batch in range(2 * calls // _TAGGED_BATCH):
            # Each round begins with the other kind.
            tags = _TAGS if (batch // 2 + batch) % 2 else ()
            holds = [call_hold("org-1", number, tags) for number in range(_TAGGED_BATCH)]
            signed = [(hold, sign_hold(hold, SIGNING_KEY)) for hold in holds]
            await insert_holds(owner, signed)
            before_us = _cpu_us(backend)
            settlements = [make_settlement(verify_hold(token, SIGNING_KEY)) for _, token in signed]
            async with pool.acquire() as connection:
                await settle_batch(connection, settlements)
            spent_us[tags].append((_cpu_us(backend) - before_us) / _TAGGED_BATCH)
    await owner.close()
    # The first batches fill caches. Other work on the machine only adds, so the lower quartile is the steadiest figure.
    plain, tagged = (statistics.quantiles(spent[_WARMING:], n=4)[0] for spent in spent_us.values())
    return (
        f"CPU of settling a call, lower quartile of {len(spent_us[()])} batches of {_TAGGED_BATCH}: {plain:.1f} µs plain,"
        f" {tagged:.1f} µs with two tags ({(tagged / plain - 1) * 100:+.1f} %)"
    )


def _cpu_us(backend: int) -> float:
    """Returns the CPU time so far of this process and a backend of PostgreSQL, in microseconds."""
    on_cpu_ns = int(Path(f"/proc/{backend}/schedstat").read_text(encoding="ascii").split()[0])
    return time.process_time() * 1e6 + on_cpu_ns / 1e3


def main() -> None:
    """Prints both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5, help="of the runs with rollups (default: %(default)s)")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-settlement-") as directory,
        databases(Path(directory)) as (postgres_url, _),
    ):
        Console().print(asyncio.run(compare_tags(postgres_url, arguments.calls)))
        Console().print(asyncio.run(compare_rollups(postgres_url, arguments.calls, arguments.rounds)))


if __name__ == "__main__":
    main()
