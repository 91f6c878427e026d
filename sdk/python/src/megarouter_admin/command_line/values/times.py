"""Reads and writes times and durations as people write them. Pure: callers pass in the current time."""

import datetime as dt
import re
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_UNITS: Final = {
    "s": dt.timedelta(seconds=1),
    "m": dt.timedelta(minutes=1),
    "h": dt.timedelta(hours=1),
    "d": dt.timedelta(days=1),
    "w": dt.timedelta(weeks=1),
}
_NAMES: Final = (
    (dt.timedelta(days=365), "year"),
    (dt.timedelta(days=30), "month"),
    (dt.timedelta(days=1), "day"),
    (dt.timedelta(hours=1), "hour"),
    (dt.timedelta(minutes=1), "minute"),
    (dt.timedelta(seconds=1), "second"),
)
_DURATION: Final = re.compile(r"([0-9]{1,6})([smhdw])")


def parse_duration(text: str) -> dt.timedelta:
    """Reads a duration such as `30s`, `15m`, `24h`, `7d`, `2w`, or `0`.

    Raises:
        ValueError: the text has another form.
    """
    if text == "0":
        return dt.timedelta()
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write a number and a unit, such as 30s, 15m, 24h, 7d or 2w")
    return int(found[1]) * _UNITS[found[2]]


def parse_moment(text: str, now: dt.datetime, zone: dt.tzinfo = dt.UTC) -> dt.datetime:
    """Reads a date (midnight in `zone`), a time with a time zone, or a duration from now.

    Raises:
        ValueError: the text has another form.
    """
    if _DURATION.fullmatch(text):
        return now + parse_duration(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as unreadable:
        raise ValueError(
            f"{text!r} is not a time: write 2026-12-31, 2026-12-31T18:00:00Z, or a duration from now (7d)"
        ) from unreadable
    if moment.tzinfo is None and "T" in text.upper():
        raise ValueError(f"{text!r} has no time zone: write 2026-12-31T18:00:00Z")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def relative(moment: dt.datetime, now: dt.datetime) -> str:
    """Formats a time relative to `now`, such as `3 hours ago`, `in 2 days` or `now`. Rounds down to one unit."""
    distance = abs(moment - now)
    for length, name in _NAMES:
        count = distance // length
        if count:
            text = f"{count} {name}{'' if count == 1 else 's'}"
            return f"in {text}" if moment > now else f"{text} ago"
    return "now"


def timestamp(moment: dt.datetime) -> Timestamp:
    """Converts a time to a protobuf timestamp."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def duration(length: dt.timedelta) -> Duration:
    """Converts a duration to a protobuf duration."""
    message = Duration()
    message.FromTimedelta(length)
    return message


def moment_of(message: Timestamp) -> dt.datetime:
    """Converts a protobuf timestamp to a time in UTC."""
    return message.ToDatetime(tzinfo=dt.UTC)
