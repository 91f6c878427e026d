"""Local hours, days, weeks and months: the buckets of an answer, and the pieces of a range that rollups can answer."""

import datetime as dt
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.analytics.answer import Bucket
from admin_service.analytics.query import Granularity
from gateway_core.model.limits.cycles import Cycle, period_at

_QUARTER: Final = dt.timedelta(minutes=15)
_HOUR: Final = dt.timedelta(hours=1)
_CYCLES: Final = {
    Granularity.DAY: Cycle.DAILY,
    Granularity.WEEK: Cycle.WEEKLY,
    Granularity.MONTH: Cycle.MONTHLY,
}


class Source(enum.StrEnum):
    """Where the usage of a piece of a range is read."""

    RECORDS = "usage_facts"
    HOURS = "usage_hours"
    TAGGED_HOURS = "usage_tagged_hours"
    """Tagged calls alone, by their tags."""
    DAYS = "usage_days"
    MONTHS = "usage_months"
    RUNNING_TOTALS = "usage_running_totals"
    """What callers had from the start of a month to the end of each day."""
    YEAR_TOTALS = "usage_year_totals"
    """What callers had from the start of a year to the end of each month."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Days of one local month, or months of one local year, by their numbers in it."""

    period: dt.datetime | int
    """The start of the month, or the year."""
    before: int
    """The number before that of the first one; 0 at the start of the period."""
    last: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A part `[start, end)` of a range that is read from one source."""

    source: Source
    start: dt.datetime
    end: dt.datetime
    numbered: Numbered | None = None
    """Of running totals. Each such piece is in one month, or one year."""


def period_of(granularity: Granularity, zone: ZoneInfo, instant: dt.datetime) -> Bucket:
    """Returns the whole local hour, day, week or month that contains the instant."""
    if granularity is Granularity.HOUR:
        return Bucket(_hour_start(zone, instant), _next_hour(zone, instant))
    second = int(instant.replace(microsecond=0).timestamp())
    period = period_at(_CYCLES[granularity], zone, second)
    assert period.end_epoch_s is not None  # noqa: S101 - only NEVER has no end
    return Bucket(_instant(period.start_epoch_s), _instant(period.end_epoch_s))


def buckets_of(
    granularity: Granularity, zone: ZoneInfo, start: dt.datetime, end: dt.datetime, most: int
) -> tuple[Bucket, ...] | None:
    """Returns the buckets of a range, the first and the last cut to it; None if there are more than `most`."""
    if granularity is Granularity.TOTAL:
        return (Bucket(start, end),)
    buckets: list[Bucket] = []
    at = start
    while at < end:
        if len(buckets) == most:
            return None
        period = period_of(granularity, zone, at)
        buckets.append(Bucket(at, min(period.end, end)))
        at = period.end
    return tuple(buckets)


def pieces_of(
    zone: ZoneInfo, start: dt.datetime, end: dt.datetime, sources: Sequence[Source], days_until: dt.datetime
) -> tuple[Piece, ...]:
    """Cuts a range into the largest pieces: months, days, hours at its edges, and records for parts of an hour.

    Args:
        zone: of the rollups.
        start: first instant of the range.
        end: first instant after it.
        sources: the rollups that may be used, the largest first.
        days_until: before it, days and months have everything that hours have. From it on, they have nothing.
    """
    small = [source for source in sources if source is Source.HOURS]
    if days_until <= start:
        return tuple(_cut(zone, start, end, small))
    if end <= days_until:
        return tuple(_cut(zone, start, end, sources, ends_whole=end == days_until))
    return (
        *_cut(zone, start, days_until, sources, ends_whole=True),
        *_cut(zone, days_until, end, small),
    )


def first_kept_hour(zone: ZoneInfo, hours_from: dt.datetime) -> dt.datetime:
    """Returns the start of the first local hour that begins at an instant or later."""
    hour = Bucket(_hour_start(zone, hours_from), _next_hour(zone, hours_from))
    return hours_from if hour.start == hours_from else hour.end


def without_dropped_hours(pieces: Sequence[Piece], kept_from: dt.datetime) -> tuple[Piece, ...]:
    """Returns pieces that read the records where hours were dropped: before the start of an hour."""
    found: list[Piece] = []
    for piece in pieces:
        if piece.source not in _OF_HOURS or piece.start >= kept_from:
            found.append(piece)
            continue
        found.append(Piece(Source.RECORDS, piece.start, min(piece.end, kept_from)))
        if piece.end > kept_from:
            found.append(Piece(piece.source, kept_from, piece.end))
    return tuple(found)


def hours_of_day(zone: ZoneInfo, start: dt.datetime) -> list[dt.datetime]:
    """Returns the starts of the hours of a local day, and in rare cases instants between them.

    When clocks change by half an hour, hours begin at other minutes. So all quarters of a day with a change are returned.
    """
    end = period_of(Granularity.DAY, zone, start).end
    is_even = _offset(zone, start) == _offset(zone, end) and not start.astimezone(zone).minute
    step = _HOUR if is_even else _QUARTER
    return [start + number * step for number in range(-(-(end - start) // step))]


def previous_range(zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> Bucket:
    """Returns the range before, of the same number of local months or days if the range consists of them."""
    for granularity in (Granularity.MONTH, Granularity.DAY):
        if period_of(granularity, zone, start).start == start and period_of(granularity, zone, end).start == end:
            return Bucket(_earlier(granularity, zone, start, end), start)
    return Bucket(start - (end - start), start)


def _earlier(granularity: Granularity, zone: ZoneInfo, start: dt.datetime, end: dt.datetime) -> dt.datetime:
    """Returns the start of as many periods before `start` as are between it and `end`."""
    at, count = start, 0
    while at < end:
        at, count = period_of(granularity, zone, at).end, count + 1
    return periods_before(granularity, zone, start, count)


def periods_before(granularity: Granularity, zone: ZoneInfo, start: dt.datetime, count: int) -> dt.datetime:
    """Returns the start of the local period so many periods before the one that begins at `start`."""
    at = start
    for _ in range(count):
        at = period_of(granularity, zone, at - dt.timedelta(microseconds=1)).start
    return at


_OF_HOURS: Final = frozenset({Source.HOURS, Source.TAGGED_HOURS})
_GRANULARITIES: Final = {
    Source.MONTHS: Granularity.MONTH,
    Source.DAYS: Granularity.DAY,
    Source.RUNNING_TOTALS: Granularity.DAY,
    Source.YEAR_TOTALS: Granularity.MONTH,
    Source.HOURS: Granularity.HOUR,
}


def _cut(
    zone: ZoneInfo, start: dt.datetime, end: dt.datetime, sources: Sequence[Source], *, ends_whole: bool = False
) -> list[Piece]:
    """Cuts a range. If it `ends_whole`, nothing of its last period is after its end, so the whole period is read."""
    if start >= end:
        return []
    if not sources:
        return [Piece(Source.RECORDS, start, end)]
    granularity, rest = _GRANULARITIES[sources[0]], sources[1:]
    first, last = period_of(granularity, zone, start), period_of(granularity, zone, end)
    whole_start = first.start if first.start == start else first.end
    whole_end = end if ends_whole else last.start
    if whole_start >= whole_end:
        return _cut(zone, start, end, rest, ends_whole=ends_whole)
    whole = Piece(sources[0], whole_start, whole_end)
    return [
        *_cut(zone, start, whole_start, rest),
        *_numbered(zone, whole),
        *_cut(zone, whole_end, end, rest),
    ]


def _numbered(zone: ZoneInfo, whole: Piece) -> Iterable[Piece]:
    """Cuts running totals by the periods that they begin with: whole days at the ends of months, whole months at those of years."""
    if whole.source is Source.RUNNING_TOTALS:
        return _by_month(zone, whole)
    return _by_year(zone, whole) if whole.source is Source.YEAR_TOTALS else [whole]


def _by_month(zone: ZoneInfo, days: Piece) -> Iterable[Piece]:
    at = days.start
    while at < days.end:
        month = period_of(Granularity.MONTH, zone, at)
        end = min(month.end, days.end)
        before = at.astimezone(zone).day - 1
        yield Piece(days.source, at, end, Numbered(month.start, before, _last_local(zone, end).day))
        at = end


def _by_year(zone: ZoneInfo, months: Piece) -> Iterable[Piece]:
    first, at = months.start.astimezone(zone), months.start
    for year in range(first.year, _last_local(zone, months.end).year + 1):
        end = at
        while end < months.end and end.astimezone(zone).year == year:
            end = period_of(Granularity.MONTH, zone, end).end
        end = min(end, months.end)
        before = first.month - 1 if year == first.year else 0
        yield Piece(months.source, at, end, Numbered(year, before, _last_local(zone, end).month))
        at = end


def _last_local(zone: ZoneInfo, end: dt.datetime) -> dt.datetime:
    return (end - dt.timedelta(microseconds=1)).astimezone(zone)


def _hour_start(zone: ZoneInfo, instant: dt.datetime) -> dt.datetime:
    """As `local_hour` in the database: an hour in which clocks change by half an hour begins again at the change."""
    offset = _offset(zone, instant)
    local = instant.astimezone(dt.timezone(offset))
    at = local.replace(minute=0, second=0, microsecond=0).astimezone(dt.UTC)
    while _offset(zone, at) != offset:
        at += _QUARTER
    return at


def _next_hour(zone: ZoneInfo, instant: dt.datetime) -> dt.datetime:
    start = _hour_start(zone, instant)
    at = start + _QUARTER
    while _hour_start(zone, at) == start:
        at += _QUARTER
    return at


def _offset(zone: ZoneInfo, instant: dt.datetime) -> dt.timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - a time zone has an offset
    return offset


def _instant(epoch_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
