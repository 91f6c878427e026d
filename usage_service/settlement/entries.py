"""What waits to be settled, and what was settled recently."""

import asyncio
import enum
import time
from dataclasses import dataclass, field

from gateway_core.model.record_decorator import record
from gateway_core.runtime.bounded_memory import BoundedMemory
from usage_service.settlement.charge_decision import CallReport
from usage_service.settlement.rows import Settlement

SIGNATURE_LENGTH = 43  # 32 bytes in base64url


class Origin(enum.StrEnum):
    """Which of Envoy's two logs delivered a report."""

    STREAM = "stream"
    JOURNAL = "journal"


class Page:
    """A group of entries that a caller waits for."""

    def __init__(self) -> None:
        self._open = 0
        self._done = asyncio.Event()
        self._done.set()

    def add(self) -> None:
        """Adds one entry to wait for."""
        self._open += 1
        self._done.clear()

    def finish_one(self) -> None:
        """Marks an entry as settled, or as impossible to settle."""
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
    """`reports.statement_of` the values that it was read from."""
    settlement: Settlement | None = None
    """The decision about it; None if it is made with the batch."""
    arrival_s: float = field(default_factory=time.monotonic)
    """When it was accepted, in monotonic seconds."""


def signature_of(token: str) -> str:
    """Returns the signature at the end of a token. It identifies the token and cannot be chosen."""
    return token[-SIGNATURE_LENGTH:]


class RecentSettlements:
    """What was settled recently, so that the journal's copy of a call is recognized without a database query.

    A report of the same hold with other content is not recognized: the database compares it (fault C3).
    """

    def __init__(self, entries: int = 100_000) -> None:
        self._statements: BoundedMemory[str, int] = BoundedMemory(entries)

    def add(self, entry: Entry) -> None:
        """Remembers an entry whose settlement is committed."""
        if entry.statement is None:
            return
        self._statements.remember(signature_of(entry.report.token), entry.statement)

    def knows(self, token: str, statement: int) -> bool:
        """Returns whether this statement about this hold was settled recently."""
        return self._statements.get(signature_of(token)) == statement


@dataclass(slots=True)
class SettlementCounts:
    """Counts since the start of the process."""

    settled: int = 0
    rescued: int = 0
    """Settled from the journal because the stream had not delivered them."""
    repeated: int = 0
    expired: int = 0
    """Holds that expired without a report."""
    corrected: int = 0
    """Expired holds that a late report corrected."""
    flagged: int = 0
    """Calls with a finding about their report."""
    discrepancies: int = 0
    forged: int = 0
    unsettleable: int = 0
    """Reports abandoned because of a fault of their own. Their holds stay open and visible."""
    bad_lines: int = 0
    bad_stream_entries: int = 0
