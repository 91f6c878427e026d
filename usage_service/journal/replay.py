"""Settles from the journal the calls that the access-log stream did not deliver."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import asyncpg

from gateway_core.contract.access_log_line import CallLine
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.call_reports import (
    MalformedReportError,
    report_of,
    statement_of,
    values_behind_tear,
    values_of_line,
)
from usage_service.journal.envoy_admin import EnvoyAdmin
from usage_service.journal.file import JournalFile, JournalLines
from usage_service.journal.lag import JournalLag
from usage_service.journal.rotation import JournalRotation
from usage_service.journal.segments import JournalSegments, journal_name
from usage_service.journal.store import JournalClaim, JournalPosition
from usage_service.settlement.entries import Entry, Origin, Page, RecentSettlements, SettlementCounts

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S: Final = 0.25
_RETRY_S: Final = 0.5
_CLAIM_ATTEMPTS: Final = 10
_CLAIM_PAUSE_S: Final = 0.05


class Claim(Protocol):
    """The right to replay, and the stored position of the reader. An error of asyncpg means that the right may be lost."""

    async def load(self) -> JournalPosition | None:
        """Returns the stored position; None if there is none."""

    async def store(self, position: JournalPosition) -> None:
        """Stores a position."""

    def give_up(self) -> None:
        """Releases the right, so that another process can take it."""


AttemptClaim = Callable[[], Awaitable[Claim | None]]


@dataclass(frozen=True, slots=True)
class JournalFiles:
    """The files of one journal, and how they are read and kept."""

    segments: JournalSegments
    rotation: JournalRotation | None
    delay_s: float
    """How many seconds behind its end the journal is read, so that the stream settles first."""
    keep_segments: int
    """How many settled segments are kept."""

    @classmethod
    def of(cls, settings: UsageSettings) -> "JournalFiles":
        """Returns the journal that the settings name."""
        segments = JournalSegments(settings.journal_file)
        rotation = None
        if settings.envoy_admin_url is not None:
            writer = EnvoyAdmin(settings.envoy_admin_url)
            rotation = JournalRotation(segments, settings.journal_rotate_bytes, writer, time.monotonic)
        return cls(segments, rotation, settings.journal_delay_ms / 1_000, settings.journal_keep_segments)


class JournalReplay:
    """Follows the journal, in one process at a time. It stores a position only after everything before it is settled."""

    def __init__(
        self,
        files: JournalFiles,
        attempt_claim: AttemptClaim,
        submit: Callable[[Sequence[Entry]], Awaitable[None]],
        recent: RecentSettlements,
        counts: SettlementCounts,
    ) -> None:
        """Creates a replay.

        Args:
            files: the journal. It need not exist yet.
            attempt_claim: takes the right to replay it; returns None while another process has it.
            submit: queues entries for settlement.
            recent: the reports settled last.
            counts: where bad lines are counted.
        """
        self._files = files
        self._attempt_claim = attempt_claim
        self._submit = submit
        self._recent = recent
        self._counts = counts
        self._stored: JournalPosition | None = None
        self.lag = JournalLag(time.monotonic)
        self.caught_up = asyncio.Event()
        """Set once everything that was in the journal when this process began to read it is settled."""
        self.is_reading = False
        """Whether this process currently replays the journal."""

    def free_bytes(self) -> int:
        """Returns the free bytes on the disk of the journal. Blocks, and raises `OSError` if its directory cannot be used."""
        return self._files.segments.free_bytes()

    async def run(self) -> None:
        """Replays until canceled, whenever no other process does."""
        while True:
            try:
                claim = await self._attempt_claim()
                if claim is not None:
                    await self._read_with(claim)
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("journal replay is waiting", extra={"error": type(error).__name__})
            await asyncio.sleep(_RETRY_S)

    async def finish(self, grace_s: float) -> None:
        """Settles what the journal has now. After a stop perhaps nobody reads it again, because its volume ends with its pod."""
        try:
            async with asyncio.timeout(grace_s):
                claim = await self._claim_back()
                if claim is not None:
                    await self._read_with(claim, to_end=True)
        except (TimeoutError, *UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("journal is left unsettled", extra={"error": type(error).__name__})

    async def _claim_back(self) -> Claim | None:
        """Takes the right again that `run` gave up a moment ago; None if another process was faster."""
        for _ in range(_CLAIM_ATTEMPTS):
            claim = await self._attempt_claim()
            if claim is not None:
                return claim
            await asyncio.sleep(_CLAIM_PAUSE_S)
        return None

    async def _read_with(self, claim: Claim, *, to_end: bool = False) -> None:
        """Replays until an error shows that the claim is lost, or to the end that the journal has at the start."""
        try:
            self._stored = None
            file = JournalFile(self._files.segments, await claim.load(), self._files.delay_s, time.monotonic)
            self.is_reading = True
            try:
                while True:
                    if await self._step(file, claim):
                        continue
                    if to_end:
                        return
                    await asyncio.sleep(_LOOK_INTERVAL_S)
            finally:
                self.is_reading = False
                file.close()
        finally:
            claim.give_up()

    async def _step(self, file: JournalFile, claim: Claim) -> bool:
        """Settles the next lines. Returns False if everything that the journal had at the start is settled."""
        # Shielded: a canceled reader must not leave a thread that reads a closed file.
        looking = asyncio.ensure_future(asyncio.to_thread(self._look, file))
        try:
            lines = await asyncio.shield(looking)
        except asyncio.CancelledError:
            await asyncio.wait({looking})
            raise
        except OSError:
            logger.exception("journal cannot be read")
            await asyncio.sleep(_RETRY_S)
            return True
        if lines is not None:
            await self._replay(lines, claim)
            return True
        self.caught_up.set()
        return False

    def _look(self, file: JournalFile) -> JournalLines | None:
        """Does everything that touches the disk, in one thread."""
        if self._files.rotation is not None:
            self._files.rotation.look(file.position)
        self.lag.observe(file.remaining_bytes())
        return file.read()

    async def _replay(self, lines: JournalLines, claim: Claim) -> None:
        page = Page()
        self._counts.bad_lines += lines.passed_over
        for offset, line in lines.lines:
            entry = self._news_of(offset, line, page)
            if entry is not None:
                await self._submit([entry])
        await page.done()
        await claim.store(lines.end)
        await self._note_stored(lines.end)

    def _news_of(self, offset: int, line: bytes, page: Page) -> Entry | None:
        """Returns the call of a line; None if the stream has already delivered it or the line is bad."""
        try:
            return self._entry_of(values_of_line(line), page)
        except MalformedReportError as error:
            self._counts.bad_lines += 1
            logger.warning("skipped a bad journal line", extra={"byte_offset": offset, "reason": str(error)})
        values = values_behind_tear(line)
        return None if values is None else self._entry_of(values, page)

    def _entry_of(self, values: CallLine, page: Page) -> Entry | None:
        statement = statement_of(values)
        if self._recent.knows(values[0], statement):
            return None
        return Entry(report_of(values), Origin.JOURNAL, page, statement)

    async def _note_stored(self, position: JournalPosition) -> None:
        """Retires the files before the one of the stored position: they are no longer needed."""
        before, self._stored = self._stored, position
        if before is not None and before.inode == position.inode:
            self.lag.settle(position.byte_offset - before.byte_offset)
            return
        try:
            await asyncio.to_thread(self._files.segments.retire_before, position.inode, self._files.keep_segments)
        except OSError as error:
            logger.warning("settled journal segments could not be retired", extra={"error": str(error)})


def claim_with(settings: UsageSettings, role: str, journal: Path) -> AttemptClaim:
    """Returns a function that claims a journal in PostgreSQL."""

    async def attempt() -> Claim | None:
        return await JournalClaim.attempt(settings, role, await asyncio.to_thread(journal_name, journal))

    return attempt


@asynccontextmanager
async def running(replay: JournalReplay, grace_ms: int) -> AsyncIterator[None]:
    """Replays while the context is open, and then to the end of the journal, as far as that is possible in a bounded time."""
    async with in_background(replay.run()):
        yield
    await replay.finish(grace_ms / 1_000)
