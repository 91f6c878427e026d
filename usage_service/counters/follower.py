"""Applies committed events to Redis: directly in normal operation, from PostgreSQL after Redis was away or was restored."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
from redis.exceptions import RedisError

from gateway_core.runtime.background import end, start
from gateway_core.runtime.backoff import Backoff
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.hold_counters import CounterEvent, HoldCounters, OnApplied
from gateway_core.stores.redis.pipelined import ScriptClient
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.counters.progress import UNKNOWN, applied_sequences
from usage_service.settlement.rows import RecordedSettlement

logger = logging.getLogger(__name__)

_FAILURES: Final = (RedisError, asyncpg.PostgresError, *UNAVAILABLE)
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
_SWEEP_INTERVAL_S: Final = 3.0
_ORGANIZATIONS_PER_PAGE: Final = 500
_CONCURRENT_ORGANIZATIONS: Final = 8
_MAX_WAITING_EVENTS: Final = 50_000


class CounterFollower:
    """Keeps Redis in step with the ledgers.

    Events are queued only while Redis accepts them. For an organization that falls behind, only its id is kept, and its
    events are read from PostgreSQL. So memory is bounded, and settlement never waits for Redis.
    """

    def __init__(self, redis: ScriptClient, events: LedgerEvents, on_applied: OnApplied) -> None:
        """Creates a follower.

        Args:
            redis: the counters.
            events: reads the ledgers.
            on_applied: receives the organization of applied events, and whether its calls wait for each other.
        """
        self._redis = redis
        self._counters = HoldCounters(redis, on_applied)
        self._events = events
        self._waiting: dict[str, list[CounterEvent]] = {}
        self._waiting_count = 0
        self._lagging: set[str] = set()
        self._applying = False
        self.lag_events = 0
        """Events of all organizations that Redis had not applied at the last sweep."""
        self._committed = asyncio.Event()
        self._behind = asyncio.Event()
        self._in_step = asyncio.Event()
        self._in_step.set()

    @property
    def lagging(self) -> frozenset[str]:
        """Organizations whose counters in Redis are behind."""
        return frozenset(self._lagging)

    def committed(self, recorded: Sequence[RecordedSettlement]) -> None:
        """Queues settlements that have been committed."""
        for record in recorded:
            organization = record.settlement.hold.claims.organization
            if organization in self._lagging:
                continue
            if self._waiting_count >= _MAX_WAITING_EVENTS:
                self._fall_behind(organization)
                continue
            self._waiting.setdefault(organization, []).append(_event_of(record))
            self._waiting_count += 1
        self._committed.set()
        self._update_in_step()

    def ledger_changed(self, organization: str) -> None:
        """Handles a posting that is not a settlement."""
        self._fall_behind(organization)

    async def follow(self) -> None:
        """Applies committed events until canceled."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            await self._apply_waiting()
            self._update_in_step()

    async def recover(self) -> None:
        """Catches up organizations that are behind until canceled. Retries with growing pauses of at most two seconds."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while True:
            await self._behind.wait()
            self._behind.clear()
            gate = asyncio.Semaphore(_CONCURRENT_ORGANIZATIONS)
            await asyncio.gather(*(self._catch_up(gate, organization) for organization in tuple(self._lagging)))
            self._update_in_step()
            if self._lagging:
                await asyncio.sleep(backoff.failed())
                self._behind.set()
            else:
                backoff.succeeded()

    async def sweep(self) -> None:
        """Finds organizations that are behind unnoticed: once at the start, and every few seconds until canceled.

        That happens after a crash between the commit and the update of Redis, and after Redis was restored from a
        snapshot.
        """
        while True:
            try:
                await self._sweep_once()
            except _FAILURES as error:
                logger.info("counters cannot be compared", extra={"error": type(error).__name__})
            await asyncio.sleep(_SWEEP_INTERVAL_S)

    async def in_step(self) -> None:
        """Waits until every queued event is applied."""
        await self._in_step.wait()

    def _update_in_step(self) -> None:
        if self._waiting or self._lagging or self._applying:
            self._in_step.clear()
        else:
            self._in_step.set()

    def _fall_behind(self, organization: str) -> None:
        """Marks the organization to be caught up from PostgreSQL, which also has its queued events."""
        self._lagging.add(organization)
        self._waiting_count -= len(self._waiting.pop(organization, ()))
        self._behind.set()
        self._update_in_step()

    async def _sweep_once(self) -> None:
        after = ""
        lag_events = 0
        while heads := await self._events.heads(after, _ORGANIZATIONS_PER_PAGE):
            applied = await applied_sequences(self._redis, [organization for organization, _ in heads])
            for organization, sequence in heads:
                lag_events += max(0, sequence - applied[organization]) if applied[organization] != UNKNOWN else 0
                # Queued events will be applied anyway.
                if UNKNOWN < applied[organization] < sequence and organization not in self._waiting:
                    self.ledger_changed(organization)
            after = heads[-1][0]
        self.lag_events = lag_events

    async def _apply_waiting(self) -> None:
        waiting, self._waiting, self._waiting_count = self._waiting, {}, 0
        gate = asyncio.Semaphore(_CONCURRENT_ORGANIZATIONS)
        self._applying = True
        await asyncio.gather(*(self._apply(gate, organization, events) for organization, events in waiting.items()))
        self._applying = False

    async def _apply(self, gate: asyncio.Semaphore, organization: str, events: list[CounterEvent]) -> None:
        """Applies events in order. If one is missing in between, `_catch_up` applies the rest."""
        # Concurrent workers may queue batches in another order than they were committed.
        events.sort(key=lambda event: event.sequence)
        first, last = events[0].sequence, events[-1].sequence
        if last - first != len(events) - 1:
            self._fall_behind(organization)
            return
        async with gate:
            try:
                applied = await self._counters.apply(organization, first - 1, events)
            except _FAILURES as error:
                logger.warning(
                    "counters fall behind", extra={"organization": organization, "error": type(error).__name__}
                )
                self._fall_behind(organization)
                return
        if UNKNOWN < applied < last:
            self._fall_behind(organization)

    async def _catch_up(self, gate: asyncio.Semaphore, organization: str) -> None:
        """Applies from PostgreSQL whatever Redis lacks, until a read finds nothing more."""
        async with gate:
            try:
                applied = (await applied_sequences(self._redis, [organization]))[organization]
                # Later commits are queued from here on; earlier ones are read below.
                self._lagging.discard(organization)
                while applied != UNKNOWN and (events := await self._events.after(organization, applied)):
                    applied = await self._counters.apply(organization, applied, events)
            except _FAILURES as error:
                self._fall_behind(organization)
                logger.info("counters stay behind", extra={"organization": organization, "error": type(error).__name__})


def _event_of(record: RecordedSettlement) -> CounterEvent:
    hold = record.settlement.hold
    # The expiry of a corrected hold has already released it.
    releases = record.corrects is None
    return CounterEvent(
        sequence=record.sequence,
        hold_id=hold.hold_id if releases else None,
        charge_nano_credits=record.delta_nano_credits,
        pool_delta_nano_credits=-record.delta_nano_credits,
        counters=record.counters,
        used_tokens=record.settlement.used_tokens if releases else 0,
        throttles=record.settlement.throttles if releases else (),
    )


@asynccontextmanager
async def running(follower: CounterFollower, finish_timeout_ms: int) -> AsyncIterator[None]:
    """Follows while the context is open. On exit, gives Redis a bounded time to catch up."""
    tasks = [start(work) for work in (follower.follow(), follower.recover(), follower.sweep())]
    try:
        yield
        with suppress(TimeoutError):
            await asyncio.wait_for(follower.in_step(), finish_timeout_ms / 1_000)
    finally:
        await end(*tasks)
