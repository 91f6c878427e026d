"""Settles from the journal what the access-log stream did not bring."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

import asyncpg

from gateway_core.edges.background import in_background
from gateway_core.edges.postgres.connections import UNAVAILABLE
from gateway_core.edges.postgres.journal_store import JournalPosition, load_position, store_position
from usage_service.entries import Entry, Origin, Page, RecentSettlements, SettlementCounts
from usage_service.journal_file import JournalFile, JournalLines
from usage_service.journal_lines import report_of_line
from usage_service.report_fields import MalformedReportError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_INTERVAL_S: Final = 0.1
_RETRY_S: Final = 0.5


class PositionStore(Protocol):
    """Where the reader's place is remembered."""

    async def load(self) -> JournalPosition | None:
        """The stored place."""

    async def store(self, position: JournalPosition) -> None:
        """Remembers a place."""


class PostgresPositionStore:
    """The place of one journal in PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool, journal: Path) -> None:
        self._pool = pool
        self._journal = str(journal.absolute())

    async def load(self) -> JournalPosition | None:
        """The stored place."""
        async with self._pool.acquire() as connection:
            return await load_position(connection, self._journal)

    async def store(self, position: JournalPosition) -> None:
        """Remembers a place."""
        async with self._pool.acquire() as connection:
            await store_position(connection, self._journal, position)


class JournalReplay:
    """Follows the journal. Its place is stored only after everything before it is settled."""

    def __init__(
        self,
        path: Path,
        delay_ms: int,
        positions: PositionStore,
        submit: Callable[[Entry], Awaitable[None]],
        recent: RecentSettlements,
        counts: SettlementCounts,
    ) -> None:
        """Prepares a replay.

        Args:
            path: the journal; it may appear later.
            delay_ms: how far behind its end it is read, so that the stream settles first.
            positions: where the place is remembered.
            submit: queues an entry for settlement.
            recent: tokens settled already.
            counts: where bad lines are counted.
        """
        self._path = path
        self._delay_s = delay_ms / 1_000
        self._positions = positions
        self._submit = submit
        self._recent = recent
        self._counts = counts

    async def run(self) -> None:
        """Replays until cancelled."""
        position = await _persistently(self._positions.load)
        file = JournalFile(self._path, position, self._delay_s, time.monotonic)
        try:
            while True:
                # Shielded: a cancelled reader must not leave a thread behind that reads a closed file.
                reading = asyncio.ensure_future(asyncio.to_thread(file.read))
                try:
                    lines = await asyncio.shield(reading)
                except asyncio.CancelledError:
                    await asyncio.wait({reading})
                    raise
                except OSError:
                    logger.exception("journal cannot be read")
                    lines = None
                if lines is None:
                    await asyncio.sleep(_LOOK_INTERVAL_S)
                else:
                    await self._replay(lines)
        finally:
            file.close()

    async def _replay(self, lines: JournalLines) -> None:
        page = Page()
        self._counts.bad_lines += lines.passed_over
        for offset, line in lines.lines:
            try:
                report = report_of_line(line)
            except MalformedReportError as error:
                self._counts.bad_lines += 1
                logger.warning("bad journal line was skipped", extra={"byte_offset": offset, "reason": str(error)})
                continue
            if report.token not in self._recent:
                await self._submit(Entry(report, Origin.JOURNAL, page))
        await page.done()
        await _persistently(lambda: self._positions.store(lines.end))


async def _persistently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeats an attempt until PostgreSQL answers."""
    while True:
        try:
            return await attempt()
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("journal position waits for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(_RETRY_S)


@asynccontextmanager
async def running(replay: JournalReplay) -> AsyncIterator[None]:
    """Replays while the context is open."""
    async with in_background(replay.run()):
        yield
