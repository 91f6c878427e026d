"""Measures `QueryRoutingSavings` of a month with many routed calls: `python -m benchmarks.analytics.savings`.

It starts its own PostgreSQL and inserts the rows of settled calls directly. The figures are the CPU time of the connection that
asks.
"""

import argparse
import asyncio
import datetime as dt
import tempfile
import time
from pathlib import Path
from typing import Final

import asyncpg
from rich.console import Console

from admin_service.analytics.query import Reach
from admin_service.analytics.savings.reading import read_savings
from benchmarks.process_times import on_cpu_s
from benchmarks.settlement import databases
from deploy.local.programs.derived_logins import migrate_with_derived_logins

_START: Final = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
_MONTH: Final = dt.timedelta(days=31)
_REPETITIONS: Final = 3
_RECORDS: Final = """
INSERT INTO usage_records (
       hold_id, organization_id, sequence, outcome, source, detail, group_path, member_id, api_key_id, endpoint, streamed,
       requested_model, provider_id, price_version, input_tokens, cache_read_tokens, cache_write_5m_tokens,
       cache_write_1h_tokens, output_tokens, reasoning_tokens, hold_nano_credits, charge_nano_credits, charge_lines, counters,
       http_status, response_flags, request_id, place_time)
SELECT 'hold-' || i, 'acme', i, 'SETTLED', 'provider', 'COMPLETED', '{engineering,research}', 'member-' || i % 500,
       'key-' || i % 2000, 'chat_completions', false, 'light', 'acme-ai', 1, 1000, 0, 0, 0, 500, 0, 1, 400, '[]', '{}', 200, '',
       'request-' || i, $2::timestamptz + i * ($3::interval / $1)
  FROM generate_series(1, $1::bigint) AS i
"""
# Conversations have five calls, and one in 20 is held out.
_ROUTED: Final = """
INSERT INTO routed_calls (
       organization_id, hold_id, sequence, virtual_model, revision, arm, reason, is_simple, use_case, baseline_model,
       baseline_price_version, chosen_model, chosen_price_version, baseline_nano_credits, chosen_nano_credits, place_time, session)
SELECT 'acme', 'hold-' || i, i, 'assistant', 1, CASE WHEN i / 5 % 20 = 0 THEN 'HOLDOUT' ELSE 'ROUTED' END, 'cheapest', true,
       'assistant', 'top', 1, 'light', 1, 2000 + i % 7, 400 + i % 9, $2::timestamptz + i * ($3::interval / $1),
       md5((i / 5)::text)
  FROM generate_series(1, $1::bigint) AS i
"""


async def _fill(owner: asyncpg.Connection, url: str, calls: int) -> None:
    await migrate_with_derived_logins(owner, url)
    await owner.execute("SET session_replication_role = replica")
    for statement in (_RECORDS, _ROUTED):
        await owner.execute(statement, calls, _START, _MONTH)
    await owner.execute("SET session_replication_role = DEFAULT")
    await owner.execute("ANALYZE usage_records, routed_calls")


async def _run(url: str, calls: int) -> None:
    console = Console(highlight=False)
    owner = await asyncpg.connect(url)
    await _fill(owner, url, calls)
    backend = await owner.fetchval("SELECT pg_backend_pid()")
    for name, reach in (("organization", Reach()), ("member", Reach(member="member-7"))):
        for _ in range(_REPETITIONS):
            begun_s, on_cpu = time.perf_counter(), on_cpu_s(backend)
            found = await read_savings(owner, "acme", _START, _START + _MONTH, reach)
            spent = f"{on_cpu_s(backend) - on_cpu:.2f} s of CPU, {time.perf_counter() - begun_s:.2f} s"
            console.print(
                f"{name}: {found.simple.calls:,} calls, {found.routed_sessions.count:,} conversations: {spent}"
            )
    await owner.close()


def main() -> None:
    """Prints what three questions about everything and about one member cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000, help="routed calls (default: %(default)s)")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-savings-") as directory,
        databases(Path(directory)) as (postgres_url, _),
    ):
        asyncio.run(_run(postgres_url, arguments.calls))


if __name__ == "__main__":
    main()
