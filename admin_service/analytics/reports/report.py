"""What a usage report says. All figures are exact integers; amounts are nano-credits.

The canonical form of a report is JSON with sorted keys and without blanks, in UTF-8. It is attached to the PDF, and its SHA-256 is
printed there. Everything on the pages is made from it alone.
"""

import datetime as dt
import enum
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import TypeAdapter, ValidationError

from admin_service.analytics.language import Language

FORMAT: Final = "megarouter-usage-report/1"
MAX_BYTES: Final = 3_500_000
"""The most that the canonical form may have. It must fit into a request of the API."""


_LOWEST_UPPER_LEVEL: Final = 3


class Paper(enum.StrEnum):
    """The paper of a report."""

    A4 = "a4"
    LETTER = "us-letter"


class Interval(enum.StrEnum):
    """The length of the buckets of a report."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums of calls."""

    call_count: int = 0
    """Calls that count in budgets."""
    failed_call_count: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    charge: int = 0
    """After corrections."""
    correction_count: int = 0
    correction: int = 0
    """By how much corrections changed the charge, which includes them."""

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Row:
    """The usage of one model, member or group."""

    ids: tuple[str, ...]
    """The id; of a group below another one, both. Empty for all that are beyond the limit. "" stands for outside groups."""
    name: str
    """Of the end of the period; empty without one."""
    path: tuple[str, ...]
    """Names of the groups of a member, from the top down."""
    usage: Usage
    before: Usage
    """In the period before."""
    is_deleted: bool = False


class Point(NamedTuple):
    """The usage of one model in one bucket, a list in the canonical form. There is none where there was none."""

    bucket: int
    """Index of the bucket."""
    model: int
    """Index of the model among the rows; that after the last one stands for all others."""
    call_count: int
    input_tokens: int
    output_tokens: int
    charge: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Of which calls a report is. Empty lists and None mean all."""

    group: str | None = None
    """The group that the reader may see, with everything below it."""
    member: str | None = None
    """The member whose calls alone the reader may see."""
    groups: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()
    """What of these a reader is shown, as `kind:name`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget as it was when the report was made. The ledger alone does not have it."""

    kind: str
    """`organization`, `group` or `member`."""
    id: str
    name: str
    cycle: str
    limit: int
    """With what was carried over."""
    spent: int


@dataclass(frozen=True, slots=True)
class UnusualSpend:
    """What was found out of the ordinary in the period: days in a row of one scope. The ledger alone does not have it."""

    day: dt.date
    last_day: dt.date
    kind: str
    """`member`, `api_key`, `group` or `organization`."""
    name: str
    actual: int
    """Of all days together, as the other amounts."""
    expected: int
    highest_usual: int


@dataclass(frozen=True, slots=True)
class Report:
    """A usage report."""

    organization: str
    organization_name: str
    scope: Scope
    start: dt.datetime
    end: dt.datetime
    previous_start: dt.datetime
    """The period before, of the same length, ends at the start."""
    time_zone: str
    interval: Interval
    ledger_position: int
    """Every event of the ledger up to this number is in the report, and none after it."""
    read_time: dt.datetime
    complete: bool
    """Whether no call was open that began before the end of the period, and the period was over."""
    total: Usage
    before: Usage
    active_members: int
    active_members_before: int
    bucket_starts: tuple[dt.datetime, ...]
    """In the time zone of the report."""
    points: tuple[Point, ...]
    models: tuple[Row, ...]
    model_count: int
    members: tuple[Row, ...]
    """Members and service accounts, the highest charge first; the last row may stand for all others."""
    member_count: int
    group_level: int
    """The upper level of `groups`, from 1."""
    groups: tuple[Row, ...]
    """Groups of two levels: each group of the upper level, followed by those below it."""
    budgets: tuple[Budget, ...]
    balance: int | None
    """The credit pool when the report was made; None if the reader may not see it."""
    unusual: tuple[UnusualSpend, ...]
    """The alarms of the period that the reader sees. Without one, the pages have no such section."""
    language: Language
    paper: Paper
    edition: str
    """What makes pages from reports: with another one, the same report may look different."""
    format: str = FORMAT

    def canonical(self) -> bytes:
        """Returns the canonical form."""
        text = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)
        return text.encode()


class NotAReportError(ValueError):
    """These bytes are not the canonical form of a report."""


_ADAPTER: Final = TypeAdapter(Report)


def parse_report(data: bytes) -> Report:
    """Reads the canonical form.

    Raises:
        NotAReportError: it is not one, is too large, or is of another format.
    """
    if len(data) > MAX_BYTES:
        raise NotAReportError(f"a report has at most {MAX_BYTES} bytes")
    try:
        report = _ADAPTER.validate_json(data)
        is_canonical = report.format == FORMAT and report.canonical() == data
    except (ValidationError, UnicodeDecodeError, RecursionError):
        raise NotAReportError("this is not the data of a report") from None
    if not is_canonical:
        raise NotAReportError("this is not the data of a report in its canonical form")
    if not 1 <= report.group_level <= _LOWEST_UPPER_LEVEL or not _is_zone(report.time_zone):
        raise NotAReportError("this is not the data of a report: its time zone or group level does not exist")
    return report


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def content_hash(data: bytes) -> str:
    """Returns the SHA-256 of the canonical form, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: Any) -> str:  # noqa: ANN401 - json passes anything
    if isinstance(value, dt.date):  # and datetime
        return value.isoformat()
    raise TypeError(type(value).__name__)
