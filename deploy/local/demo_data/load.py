"""Loads the past of the demo organization in one transaction: all of it is there, or nothing."""

import asyncio
import datetime as dt
import gc
import heapq
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.demo.content import ADMIN, GROUPS, MEMBERS, ORGANIZATION, TIME_ZONE
from deploy.local.demo_data.back_dating import back_dated, set_moments
from deploy.local.demo_data.calls import CallMaker, Event
from deploy.local.demo_data.company import make_company, user_id
from deploy.local.demo_data.directory import read_budgets, write_company
from deploy.local.demo_data.placing import Placer, PlacingProcess
from deploy.local.demo_data.traffic import THEFT_DAYS, Span, Traffic
from gateway_core.model.ledger.transfers import top_up
from gateway_core.model.money import NANO_CREDITS_PER_CREDIT as CREDIT
from gateway_core.stores.postgres.catalog_store import load_snapshot
from gateway_core.stores.postgres.ledger_store import post_transfers
from gateway_core.stores.postgres.organization_wall import act_for
from usage_service.settlement.store import settle_batch

_BATCH_CALLS: Final = 4_000
"""A batch updates the spend of most scopes, and each update makes the next one in the transaction slower."""
_DAYS_AT_ONCE: Final = 4
"""About a batch of a year's calls."""
_TOP_UP: Final = 1_000 * CREDIT
_RESERVE: Final = 150 * CREDIT
"""The Super Admin tops up before the balance falls below this."""
_TABLES: Final = (
    "holds", "usage_records", "usage_corrections", "ledger_transfers", "scope_spend", "groups", "members", "api_keys",
    "usage_names",
)  # fmt: skip


class NotEmptyError(Exception):
    """The organization is not as `./dev up` has created it. The message says what is there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to load."""

    end: dt.date
    """The day after the last day, in the organization's time zone."""
    days: int
    calls: int
    """About how many."""
    seed: int = 1


@dataclass(slots=True)
class Summary:
    """What was loaded."""

    calls: int = 0
    corrections: int = 0
    refused: int = 0
    """Calls that a budget refused. They leave no record."""
    charged_nano_credits: int = 0
    top_ups: int = 0


async def load(connection: asyncpg.Connection, plan: Plan, on_day: Callable[[int], None] = lambda _: None) -> Summary:
    """Loads the past.

    Args:
        connection: one of the owner of the tables, because only the owner can back-date.
        plan: what to load. The same plan gives the same calls.
        on_day: receives how many days are loaded.

    Raises:
        NotEmptyError: the organization is missing, or has more than a new one. Nothing was written.
        UnknownModelError: the catalog lacks a model that the company uses. Nothing was written.
    """
    zone = ZoneInfo(TIME_ZONE)
    span = Span(plan.end - dt.timedelta(days=plan.days), plan.end, zone)
    company = make_company(
        random.Random(plan.seed),  # noqa: S311 - no secret
        span.first,
        span.end,
        span.end - dt.timedelta(days=THEFT_DAYS),
    )
    traffic = Traffic(company, span, plan.calls, random.Random(plan.seed + 1))  # noqa: S311 - no secret
    catalog = await load_snapshot(connection)
    async with connection.transaction(), _without_garbage_collection():
        # Plans that are made while the tables are empty would read them whole.
        await connection.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off"
        )
        await act_for(connection, [ORGANIZATION])
        await _require_a_new_organization(connection)
        await write_company(connection, company, span)
        budgets = await read_budgets(connection)
        maker = CallMaker(catalog, budgets, zone, random.Random(plan.seed + 2))  # noqa: S311 - no secret
        async with back_dated(connection):
            books = _Books(connection)
            async with PlacingProcess.started(Placer(traffic, maker, budgets)) as placing:
                days = list(span.days())
                for start in range(0, len(days), _DAYS_AT_ONCE):
                    coming = days[start : start + _DAYS_AT_ONCE]
                    settling = asyncio.create_task(books.settle_until(span.epoch_us(coming[0])))
                    try:
                        events = await placing.of_days(coming)
                    finally:
                        await settling
                    books.add(events)
                    on_day(start + len(coming))
                books.summary.refused = placing.refused
            await books.settle_until(span.epoch_us(span.end))
            await books.flush()
    for table in _TABLES:
        await connection.execute(f"ANALYZE {table}")
    return books.summary


@asynccontextmanager
async def _without_garbage_collection() -> AsyncIterator[None]:
    """Calls have no cycles. Searching thousands of them for some took half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


async def _require_a_new_organization(connection: asyncpg.Connection) -> None:
    """Raises `NotEmptyError` unless the organization is as the demo's seeder has created it."""
    head = await connection.fetchval(
        "SELECT sequence FROM ledger_heads WHERE organization_id = $1 FOR UPDATE", ORGANIZATION
    )
    if head is None:
        raise NotEmptyError(f"there is no demo organization `{ORGANIZATION}`")
    found = await connection.fetch(
        "SELECT (SELECT count(*) FROM holds WHERE organization_id = $1), (SELECT count(*) FROM members WHERE organization_id = $1),"
        " (SELECT count(*) FROM groups WHERE organization_id = $1)",
        ORGANIZATION,
    )
    holds, members, groups = found[0]
    if holds or head > 1:
        raise NotEmptyError(f"the organization `{ORGANIZATION}` has calls or transfers already")
    if (members, groups) != (len(MEMBERS), len(GROUPS)):
        raise NotEmptyError(f"the organization `{ORGANIZATION}` has members or groups of its own")


@dataclass(slots=True)
class _Books:
    """Settles in the order in which calls end."""

    connection: asyncpg.Connection
    summary: Summary = field(default_factory=Summary)
    _coming: list[tuple[int, int, Event]] = field(default_factory=list)
    _count: int = 0
    _batch: list[Event] = field(default_factory=list)
    _in_batch: set[str] = field(default_factory=set)
    _balance: int = 0
    """Of what is topped up here. What the seeder has given stays untouched, because it is younger than these calls."""

    def add(self, events: Sequence[Event]) -> None:
        """Adds what must be settled when its moment has come."""
        for event in events:
            self._count += 1
            heapq.heappush(self._coming, (event.moment_epoch_us, self._count, event))

    async def settle_until(self, moment_epoch_us: int) -> None:
        """Settles what ends before a moment. What has not ended when the past does is not written."""
        for event in self._ended(moment_epoch_us):
            hold_id = event.settlement.hold.hold_id
            if len(self._batch) >= _BATCH_CALLS or hold_id in self._in_batch:
                await self.flush()
            self._batch.append(event)
            self._in_batch.add(hold_id)

    def _ended(self, moment_epoch_us: int) -> Iterator[Event]:
        while self._coming and self._coming[0][0] < moment_epoch_us:
            yield heapq.heappop(self._coming)[2]

    async def flush(self) -> None:
        """Settles the batch."""
        batch, self._batch, self._in_batch = self._batch, [], set()
        if not batch:
            return
        most = sum(event.settlement.resolution.charge_nano_credits for event in batch)
        await self._top_up(most, batch[0].moment_epoch_us)
        await set_moments(self.connection, ((event.settlement.hold.hold_id, event.moment_epoch_us) for event in batch))
        result = await settle_batch(self.connection, [event.settlement for event in batch])
        if not self.summary.calls:
            # The settings above do not keep PostgreSQL from joining empty tables in a bad order.
            await self.connection.execute("ANALYZE scope_spend, guardrails, holds, usage_records")
        charged = sum(entry.delta_nano_credits for entry in result.recorded)
        self._balance -= charged
        self.summary.charged_nano_credits += charged
        corrections = sum(entry.corrects is not None for entry in result.recorded)
        self.summary.corrections += corrections
        self.summary.calls += len(result.recorded) - corrections

    async def _top_up(self, most: int, moment_epoch_us: int) -> None:
        while self._balance - most < _RESERVE:
            self.summary.top_ups += 1
            transfer = top_up(
                _TOP_UP,
                idempotency_key=f"demo:top-up-{self.summary.top_ups}",
                actor=f"users/{user_id(ADMIN)}",
                reason="Credit for the next weeks",
            )
            await set_moments(self.connection, [(transfer.idempotency_key, moment_epoch_us)])
            await post_transfers(self.connection, ORGANIZATION, [transfer])
            self._balance += _TOP_UP
