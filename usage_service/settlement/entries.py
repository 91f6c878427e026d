"""What waits to be settled, and what has been."""

import asyncio
import enum
import time
from dataclasses import dataclass, field

from gateway_core.model.records import record
from gateway_core.runtime.bounded_memory import BoundedMemory
from usage_service.settlement.decision import CallReport

SIGNATURE_LENGTH = 43  # 32 bytes in base64url


class Origin(enum.StrEnum):
    """Which of Envoy's two logs brought a report."""

    STREAM = "stream"
    JOURNAL = "journal"


class Page:
    """A group of entries that somebody waits for."""

    def __init__(self) -> None:
        self._open = 0
        self._done = asyncio.Event()
        self._done.set()

    def add(self) -> None:
        """One more entry to wait for."""
        self._open += 1
        self._done.clear()

    def finish_one(self) -> None:
        """An entry was settled, or was found to be beyond settling."""
        self._open -= 1
        if self._open == 0:
            self._done.set()

    async def done(self) -> None:
        """Waits until every entry is finished."""
        await self._done.wait()


@record(frozen=True, slots=True)
class Entry:
    """A report on its way to settlement."""

    report: CallReport
    origin: Origin
    page: Page | None = None
    statement: int | None = None
    """`call_lines.statement_of` what it was read from."""
    arrival_s: float = field(default_factory=time.monotonic)
    """When it was taken on, in monotonic seconds."""


def signature_of(token: str) -> str:
    """The end of a token, which names it and cannot be chosen."""
    return token[-SIGNATURE_LENGTH:]


class RecentSettlements:
    """What was settled last, so that the journal's copy of a call is recognised without reading it or asking the database.

    A report of the same hold that says something else is not: it is for the database to compare (fault C3).
    """

    def __init__(self, entries: int = 100_000) -> None:
        self._statements: BoundedMemory[str, int] = BoundedMemory(entries)

    def add(self, entry: Entry) -> None:
        """Remembers an entry whose settlement is committed."""
        if entry.statement is None:
            return
        self._statements.remember(signature_of(entry.report.token), entry.statement)

    def knows(self, token: str, statement: int) -> bool:
        """Whether this was settled."""
        return self._statements.get(signature_of(token)) == statement


@dataclass(slots=True)
class SettlementCounts:
    """What happened since the start."""

    settled: int = 0
    rescued: int = 0
    """Settled from the journal because the stream had not brought them."""
    repeated: int = 0
    expired: int = 0
    """Holds that nobody reported on in time."""
    corrected: int = 0
    """Expired holds whose truth arrived late."""
    quarantined: int = 0
    """Reports of usage that could not be believed; their calls were estimated."""
    discrepancies: int = 0
    forged: int = 0
    unsettleable: int = 0
    """Reports given up for a fault of their own; their holds stay open and visible."""
    bad_lines: int = 0
    bad_stream_entries: int = 0
