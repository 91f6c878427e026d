"""The register of holds as authz_service writes it: in the background, in batches, at most some milliseconds late."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.calls.holds import Hold
from gateway_core.model.records import record
from gateway_core.runtime.background import end, start
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_BATCH_ENTRIES: Final = 1_000
_RETRY_S: Final = 0.2
# Also a statement that was cancelled, a full disk, a server that became read-only: a placed hold is never given up.
_NOT_WRITTEN: Final = (*UNAVAILABLE, asyncpg.PostgresError)


@record(frozen=True, slots=True)
class PlacedHold:
    """A hold that stands in Redis."""

    hold: Hold
    token: str
    generation: str
    """Of the pool it was placed on."""


Insert = Callable[[Sequence[PlacedHold]], Awaitable[None]]


class RegisterFullError(Exception):
    """PostgreSQL has been unable to take holds for so long that no more may be placed."""


class HoldRegister:
    """A bounded queue in front of the register."""

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
        """Holds that are not in PostgreSQL yet."""
        return len(self._waiting) + self._writing

    def append(self, placed: PlacedHold) -> None:
        """Queues a placed hold. Never refuses: whoever places a hold asks `is_full` first."""
        self._waiting.append(placed)
        self._wake.set()

    async def run(self) -> None:
        """Writes until closed, and then what is left."""
        while not (self._closing and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            if not self._closing:
                # What a batch costs besides its holds is paid no more often.
                await asyncio.sleep(self._flush_interval_s)
            while self._waiting:
                await self._write(min(len(self._waiting), _BATCH_ENTRIES))

    async def _write(self, count: int) -> None:
        """Writes the oldest holds, trying again until PostgreSQL has them."""
        batch = [self._waiting.popleft() for _ in range(count)]
        self._writing = count
        while True:
            try:
                await self._insert(batch)
            except _NOT_WRITTEN as error:
                logger.warning(
                    "holds wait for PostgreSQL", extra={"holds": self._writing, "error": type(error).__name__}
                )
                await asyncio.sleep(_RETRY_S)
            else:
                self._writing = 0
                return

    def close(self) -> None:
        """Ends `run` once everything is written."""
        self._closing = True
        self._wake.set()


@asynccontextmanager
async def open_register(
    insert: Insert, entries: int, flush_interval_ms: int, flush_timeout_ms: int
) -> AsyncIterator[HoldRegister]:
    """A register that is written while the context is open and flushed, for a bounded time, when it closes."""
    register = HoldRegister(insert, entries, flush_interval_ms)
    task = start(register.run())
    try:
        yield register
    finally:
        register.close()
        try:
            await asyncio.wait({task}, timeout=flush_timeout_ms / 1_000)
        finally:
            await end(task)
        if register.waiting:
            logger.error(
                "holds were not registered before the stop; their tokens are in the journal",
                extra={"holds": register.waiting},
            )
