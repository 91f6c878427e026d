"""The period that `--since` and `--until` ask for."""

import datetime as dt
from zoneinfo import ZoneInfo

from megarouter.type.v1.time_range_pb2 import TimeRange

from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.times import parse_duration, parse_moment, timestamp

DEFAULT_DAYS = 30


def period(session: Session, since: str, until: str) -> TimeRange:
    """Returns the period between two options. Days are those of the organization's time zone.

    Raises:
        ValueError: one of them is neither a day, a time nor a duration.
    """
    zone = session.zone
    end = _moment_before(until or "0", session.now, zone, session.now)
    start = _moment_before(since or f"{DEFAULT_DAYS}d", end, zone, session.now)
    if not since or _is_duration(since):
        start = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return TimeRange(start_time=timestamp(start), end_time=timestamp(end))


def _moment_before(text: str, end: dt.datetime, zone: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """Reads a date, a time, or a duration before the end."""
    return end - parse_duration(text) if _is_duration(text) else parse_moment(text, now, zone)


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True
