"""Writes the holds table in the background, in batches, within milliseconds."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.calls.holds import Hold
from gateway_core.model.record_decorator import record
from gateway_core.runtime.background import end, start
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_BATCH_ENTRIES: Final = 1_000
_RETRY_S: Final = 0.2
# Includes canceled statements, a full disk and a read-only server: a placed hold is never discarded.
_NOT_WRITTEN: Final = (*UNAVAILABLE, asyncpg.PostgresError)


@record(frozen=True, slots=True)
class PlacedHold:
    """A hold that is placed in Redis."""

    hold: Hold
    token: str
    generation: str
    """The generation of the pool that it was placed on."""


Insert = Callable[[Sequence[PlacedHold]], Awaitable[None]]


class HoldWriter:
    """A bounded queue in front of the holds table."""

    def __init__(self, insert: Insert, entries: int, flush_interval_ms: int) -> None:
        self._insert = insert
        self._entries = entries
        self._flush_interval_s = flush_interval_ms / 1_000
        self._waiting: deque[PlacedHold] = deque()
        self._writing = 0
        self._wake = asyncio.Event()
        self._closing = False

    @property
    def is_full(self) -> bool:
        """Whether no more holds may be placed."""
        return self.waiting >= self._entries

    @property
    def waiting(self) -> int:
        """The number of holds that are not in PostgreSQL yet."""
        return len(self._waiting) + self._writing

    def append(self, placed: PlacedHold) -> None:
        """Queues a placed hold. It never refuses one: check `is_full` before placing the hold."""
        self._waiting.append(placed)
        self._wake.set()

    async def run(self) -> None:
        """Writes batches until closed, then writes the rest."""
        while not (self._closing and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            if not self._closing:
                # Bounds how often the fixed cost of a batch is paid.
                await asyncio.sleep(self._flush_interval_s)
            while self._waiting:
                await self._write(min(len(self._waiting), _BATCH_ENTRIES))

    async def _write(self, count: int) -> None:
        """Writes the oldest holds. Retries until PostgreSQL has them."""
        batch = [self._waiting.popleft() for _ in range(count)]
        self._writing = count
        while True:
            try:
                await self._insert(batch)
            except _NOT_WRITTEN as error:
                logger.warning(
                    "holds are waiting for PostgreSQL", extra={"holds": self._writing, "error": type(error).__name__}
                )
                await asyncio.sleep(_RETRY_S)
            else:
                self._writing = 0
                return

    def close(self) -> None:
        """Lets `run` end once everything is written."""
        self._closing = True
        self._wake.set()


@asynccontextmanager
async def open_hold_writer(
    insert: Insert, entries: int, flush_interval_ms: int, flush_timeout_ms: int
) -> AsyncIterator[HoldWriter]:
    """Opens a queue that is written while the context is open. On exit, flushes it for a bounded time."""
    writer = HoldWriter(insert, entries, flush_interval_ms)
    task = start(writer.run())
    try:
        yield writer
    finally:
        writer.close()
        try:
            await asyncio.wait({task}, timeout=flush_timeout_ms / 1_000)
        finally:
            await end(task)
        if writer.waiting:
            logger.error(
                "stopped before all holds were recorded; the journal has their tokens",
                extra={"holds": writer.waiting},
            )
