"""Measures what a quiet organization waits for answers beside one that asks for much: `python -m benchmarks.analytics.neighbors`.

It starts its own PostgreSQL and Redis, inserts a year of calls of the noisy organization and some of the quiet one, and runs
admin_service four times: for the quiet organization alone, beside the noisy one without shares, beside it with them, and alone
again. The noisy one asks questions that read every hour of its year in a loop, from many callers. The quiet one asks what its
pages Home and Analytics do.
"""

import argparse
import asyncio
import datetime as dt
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

import asyncpg
import grpc
from google.protobuf.message import Message
from megarouter.admin.v1 import analytics_pb2, organization_pb2, usage_pb2
from megarouter.admin.v1.analytics_pb2 import UsageDimension as Dimension
from megarouter.type.v1.time_range_pb2 import TimeRange
from rich.console import Console
from rich.table import Table

from admin_service import wiring
from admin_service.serving.questions import Questions
from benchmarks.analytics.past import END, ORGANIZATION, START, Plan, insert_past
from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.programs.postgres import start_postgres
from deploy.local.programs.redis import start_redis
from deploy.local.stack.database_urls import login_url
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.postgres.catalog_store import sync_catalog
from tests.contract.admin_service.conftest import PEPPER, Client, add_member, add_organization, running_service
from tests.contract.usage_service import settlement_cases
from tests.support.ports import free_port
from tests.support.usage.histories import Place, UsageHistory
from usage_service.rollups.follower import RollupFollower

_QUIET: Final = "quiet"
_QUIET_CALLS: Final = 200
_ANSWER_TIMEOUT_S: Final = 60.0
_WITHOUT: Final = 1_000_000
"""Connections to share by which no organization ever has to wait for its share."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the quiet organization waited for answers, in milliseconds."""

    p50_ms: float
    p95_ms: float
    longest_ms: float
    answers: int
    noisy_answers: int
    noisy_refusals: int
    noisy_failures: int


def _period(start: dt.datetime, end: dt.datetime) -> TimeRange:
    period = TimeRange()
    period.start_time.FromDatetime(start)
    period.end_time.FromDatetime(end)
    return period


def _noisy_question() -> analytics_pb2.QueryUsageRequest:
    return analytics_pb2.QueryUsageRequest(
        name=f"organizations/{ORGANIZATION}", time_range=_period(START, END), limit=50,
        group_by=[Dimension.USAGE_DIMENSION_API_KEY, Dimension.USAGE_DIMENSION_PROVIDER],
    )  # fmt: skip


def _pages() -> Sequence[tuple[str, Message]]:
    """Returns what the quiet organization asks: its organization, totals, top consumers, a chart by day, and calls."""
    name, period = f"organizations/{_QUIET}", _period(END - dt.timedelta(days=30), END)
    by_day = analytics_pb2.QueryUsageRequest(
        name=name, time_range=period, group_by=[Dimension.USAGE_DIMENSION_MODEL],
        granularity=analytics_pb2.UsageGranularity.USAGE_GRANULARITY_DAY, limit=5,
    )  # fmt: skip
    consumers = analytics_pb2.ListTopConsumersRequest(
        parent=name, time_range=period, dimension=Dimension.USAGE_DIMENSION_MEMBER
    )
    return (
        ("GetOrganization", organization_pb2.GetOrganizationRequest(name=name)),
        ("GetUsageSummary", analytics_pb2.GetUsageSummaryRequest(name=name, time_range=period)),
        ("ListTopConsumers", consumers),
        ("QueryUsage", by_day),
        ("ListCalls", usage_pb2.ListCallsRequest(parent=name, time_range=period)),
    )


async def _prepare(url: str, records: int) -> None:
    owner = await asyncpg.connect(url)
    try:
        await migrate_with_derived_logins(owner, url)
        await insert_past(owner, Plan(records, 0.2), lambda _records: None)
        await add_member(owner, "noisy", "SUPER_ADMIN", None, ORGANIZATION)
        await add_organization(owner, _QUIET)
        await add_member(owner, "calm", "SUPER_ADMIN", None, _QUIET)
        await sync_catalog(owner, settlement_cases.CATALOG)
        history = UsageHistory(
            random.Random(1),  # noqa: S311 - no secret
            [Place("calm", "key-calm", ())],
            END - dt.timedelta(days=40),
            END,
            _QUIET,
        )
        await history.settle(owner, _QUIET_CALLS)
        async with asyncpg.create_pool(login_url(url, "megarouter_usage"), min_size=1, max_size=2) as pool:
            follower = RollupFollower(pool, lambda: END)
            while await follower.follow_once():
                pass
        await owner.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await owner.close()


@asynccontextmanager
async def _noise(client: Client, callers: int) -> AsyncIterator[list[str]]:
    """Has callers of the noisy organization ask in a loop. Yields the outcome of each question."""
    outcomes: list[str] = []

    async def ask() -> None:
        while True:
            try:
                await client.call("QueryUsage", _noisy_question(), "noisy", timeout=_ANSWER_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                outcomes.append(error.code().name)
                await asyncio.sleep(1)
            else:
                outcomes.append("OK")

    tasks = [asyncio.create_task(ask()) for _ in range(callers)]
    try:
        yield outcomes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _measured(client: Client, callers: int, seconds: float) -> Waits:
    pages, waits_ms = _pages(), []
    async with _noise(client, callers) as outcomes:
        await asyncio.sleep(1)
        outcomes.clear()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for method, request in pages:
                began = time.perf_counter()
                await client.call(method, request, "calm", timeout=_ANSWER_TIMEOUT_S)
                waits_ms.append((time.perf_counter() - began) * 1_000)
            await asyncio.sleep(0.1)
    cuts = statistics.quantiles(waits_ms, n=20, method="inclusive")
    answered, refused = outcomes.count("OK"), outcomes.count("RESOURCE_EXHAUSTED")
    failed = len(outcomes) - answered - refused
    return Waits(statistics.median(waits_ms), cuts[-1], max(waits_ms), len(waits_ms), answered, refused, failed)


async def _run(settings: AdminSettings, callers: int, seconds: float, *, shared: bool) -> Waits:
    # The service has no setting that leaves shares out.
    with nullcontext() if shared else patch.object(wiring, "Questions", lambda _connections: Questions(_WITHOUT)):
        async with running_service(settings) as (_, client):
            await _measured(client, 0, 1)
            return await _measured(client, callers, seconds)


async def _compare(url: str, redis_url: str, arguments: argparse.Namespace, console: Console) -> None:
    await _prepare(url, arguments.records)
    settings = AdminSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "admin_database_url": login_url(url, wiring.ROLE),
            "redis_url": redis_url,
            "key_pepper": PEPPER,
            "catalog_file": "/nonexistent",
        }
    )
    table = Table(title=f"{arguments.callers} callers of a noisy organization; load {os.getloadavg()[0]:.1f}")
    for column in ("", "p50 ms", "p95 ms", "longest ms", "answers", "noisy: answers", "refused", "failed"):
        table.add_column(column, justify="right" if column else "left")
    for name, callers, shared in (
        ("alone", 0, True),
        ("without shares", arguments.callers, False),
        ("with shares", arguments.callers, True),
        ("alone again", 0, True),
    ):
        one = await _run(settings, callers, arguments.seconds, shared=shared)
        times = (f"{figure:,.0f}" for figure in (one.p50_ms, one.p95_ms, one.longest_ms))
        counts = (one.answers, one.noisy_answers, one.noisy_refusals, one.noisy_failures)
        table.add_row(name, *times, *map(str, counts))
    console.print(table)


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=400_000, metavar="N", help="calls of the noisy organization")
    parser.add_argument("--callers", type=int, default=20, metavar="N", help="that ask for the noisy organization")
    parser.add_argument("--seconds", type=float, default=20, metavar="S", help="of each of the four runs")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="megarouter-neighbors-") as directory,
        start_postgres(Path(directory) / "postgres", free_port()) as server,
        start_redis(Path(directory) / "redis", free_port()) as redis,
    ):
        asyncio.run(_compare(server.url, redis.url, arguments, Console(highlight=False, width=140)))


if __name__ == "__main__":
    main()
