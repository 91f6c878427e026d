"""What waits to be settled, and what has been."""

import asyncio
import enum
import time
from dataclasses import dataclass, field

from gateway_core.domain.settlement import CallReport

SIGNATURE_LENGTH = 43  # of HMAC-SHA256 in base64url


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


@dataclass(frozen=True, slots=True)
class Entry:
    """A report on its way to settlement."""

    report: CallReport
    origin: Origin
    page: Page | None = None
    arrival_s: float = field(default_factory=time.monotonic)
    """When it was taken on, in monotonic seconds."""


def signature_of(token: str) -> str:
    """The end of a token, which names it and cannot be chosen."""
    return token[-SIGNATURE_LENGTH:]


class RecentSettlements:
    """The reports settled last, so that the journal's copy of a report is recognised without asking the database.

    A report of the same hold that says something else is not: it is for the database to compare (fault C3).
    """

    def __init__(self, entries: int = 100_000) -> None:
        self._entries = entries
        self._statements: dict[str, int] = {}

    def add(self, report: CallReport) -> None:
        """Remembers a report whose settlement is committed."""
        signature = signature_of(report.token)
        self._statements.pop(signature, None)
        self._statements[signature] = _statement(report)
        if len(self._statements) > self._entries:
            del self._statements[next(iter(self._statements))]

    def __contains__(self, report: CallReport) -> bool:
        return self._statements.get(signature_of(report.token)) == _statement(report)


def _statement(report: CallReport) -> int:
    """A hash of everything in a report that decides its hold's outcome. Of this process: hashes of texts are seeded."""
    # Envoy promises no order of the facts.
    facts = repr(sorted(report.facts.items()))
    was_sent = report.upstream_host is not None
    sizes = (report.request_bytes, report.response_bytes)
    return hash((report.http_status, report.flags, report.details, was_sent, sizes, facts))


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
