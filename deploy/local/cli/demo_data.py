"""`./dev demo-data`: loads a past into the demo organization of a running stack, and waits until everything has followed."""

import asyncio
import datetime as dt
import time
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from admin_service.demo.content import ORGANIZATION, TIME_ZONE
from deploy.local.cli.terminal import console
from deploy.local.demo_data.calls import UnknownModelError
from deploy.local.demo_data.load import NotEmptyError, Plan, Summary, load
from deploy.local.stack.environment import DATABASE_URL, REDIS_URL, parse_environment
from deploy.local.stack.layout import Home
from gateway_core.model.money import format_credits
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.connections import open_redis
from usage_service.counters.progress import UNKNOWN, applied_sequences

MONTH_DAYS: Final = 30
YEAR_DAYS: Final = 365
CALLS_OF_A_YEAR: Final = 400_000
_POLL_S: Final = 0.5
_FOLLOWING_TIMEOUT_S: Final = 600.0
_POSITIONS: Final = """
SELECT h.sequence, coalesce(max(r.sequence), 0) FROM ledger_heads h
  LEFT JOIN usage_rollups r ON r.organization_id = h.organization_id AND r.state = 'CURRENT'
 WHERE h.organization_id = $1 GROUP BY h.sequence
"""
# The days were judged while they were empty.
_JUDGE_AGAIN: Final = (
    "UPDATE anomaly_positions SET judged_until = NULL, checked_until = NULL WHERE organization_id = $1"
)


class DemoDataError(Exception):
    """The past was not loaded, or not everything has followed it. The message says why."""


class NotNewError(DemoDataError):
    """The organization has more than a new one."""


def plan_until(today: dt.date, *, year: bool) -> Plan:
    """Returns the plan of a year, or of a month, that ends with yesterday."""
    days = YEAR_DAYS if year else MONTH_DAYS
    return Plan(today, days, round(CALLS_OF_A_YEAR * days / YEAR_DAYS))


def load_demo_data(home: Home, *, year: bool) -> None:
    """Loads the past and shows the progress.

    Args:
        home: of a running stack.
        year: a year instead of a month.

    Raises:
        NotNewError: there is something already. Nothing was loaded.
        DemoDataError: the past was not loaded, or the rollups or Redis have not followed it in time.
    """
    environment = parse_environment(home.environment_file.read_text(encoding="utf-8"))
    plan = plan_until(dt.datetime.now(ZoneInfo(TIME_ZONE)).date(), year=year)
    started_s = time.monotonic()
    console.print("Loading: until it is done, usage commands show no calls, and new calls wait.")
    try:
        summary = asyncio.run(_load(environment, plan))
    except NotEmptyError as error:
        raise NotNewError(f"{error}. Nothing was loaded: use a new --home for demo data") from error
    except UnknownModelError as error:
        raise DemoDataError(f"{error}. Nothing was loaded") from error
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        # Only the type: the message may quote a URL with a password.
        raise DemoDataError(f"the database failed: {type(error).__name__}") from error
    console.print(
        f"{summary.calls:,} calls of {plan.days} days in {time.monotonic() - started_s:.0f} s:"
        f" {format_credits(summary.charged_nano_credits)} credits, {summary.top_ups} top-ups,"
        f" {summary.corrections} corrections, {summary.refused:,} calls refused by budgets"
    )


async def _load(environment: Mapping[str, str], plan: Plan) -> Summary:
    connection = await asyncpg.connect(environment[DATABASE_URL])
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console) as progress:
            days = progress.add_task("calls", total=plan.days)
            summary = await load(connection, plan, lambda number: progress.update(days, completed=number))
            await _follow(connection, environment, progress, progress.add_task("rollups and counters", total=None))
    finally:
        await connection.close()
    return summary


async def _follow(
    connection: asyncpg.Connection, environment: Mapping[str, str], progress: Progress, task: TaskID
) -> None:
    """Waits until usage_service has brought the rollups and Redis to the end of the ledger."""
    deadline_s = time.monotonic() + _FOLLOWING_TIMEOUT_S
    async with open_redis(environment[REDIS_URL]) as redis:
        while True:
            head, rolled_up = (await connection.fetch(_POSITIONS, ORGANIZATION))[0]
            counted = (await applied_sequences(redis, [ORGANIZATION]))[ORGANIZATION]
            # Without a pool, Redis begins with what PostgreSQL says.
            behind = min(rolled_up, head if counted == UNKNOWN else counted)
            progress.update(task, total=head, completed=behind)
            if behind >= head:
                await connection.execute(_JUDGE_AGAIN, ORGANIZATION)
                return
            if time.monotonic() > deadline_s:
                raise DemoDataError(
                    "the calls are loaded, but usage_service has not added all of them up yet: see its log"
                )
            await asyncio.sleep(_POLL_S)
