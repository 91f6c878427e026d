"""Writes single values as the text of a cell: amounts, times, and text that a spreadsheet must not take for a formula."""

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.money import NANO_CREDITS_PER_CREDIT

_FIRST: Final = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What spreadsheets may take for the beginning of a formula, also in full width. Apostrophes before it are included, so
that every text has its own escaped form."""
_NANO_DIGITS: Final = 9
_UTC_OFFSET: Final = "+00:00"


def escaped(text: str) -> str:
    """Returns the text with an apostrophe before it if a spreadsheet could take it for a formula."""
    return f"'{text}" if text[:1] in _FIRST and _FORMULA.match(text) else text


def unescaped(cell: str) -> str:
    """Returns the text of an escaped cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def amount(nano_credits: int) -> str:
    """Returns credits as a decimal with nine places, exactly: `1` becomes `0.000000001`."""
    if nano_credits < 0:
        return f"-{amount(-nano_credits)}"
    whole, nano = divmod(nano_credits, NANO_CREDITS_PER_CREDIT)
    return f"{whole}.{nano:09d}"


def decimal(value: int, places: int) -> str:
    """Returns `value / 10**places` exactly: up to nine places always, and more without trailing zeros.

    There is at least one place, so that programs read a column of whole numbers as decimals too.
    """
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), 10**places)
    digits = f"{rest:0{places}d}"
    return f"{sign}{whole}.{digits[:_NANO_DIGITS]}{digits[_NANO_DIGITS:].rstrip('0')}"


def utc_time(instant: dt.datetime) -> str:
    """Returns RFC 3339 in UTC, with microseconds."""
    return f"{instant.astimezone(dt.UTC).isoformat(timespec='microseconds').removesuffix(_UTC_OFFSET)}Z"


def local_time(instant: dt.datetime, zone: ZoneInfo) -> str:
    """Returns RFC 3339 in a time zone, with microseconds and the offset."""
    return instant.astimezone(zone).isoformat(timespec="microseconds")


def whole_second(instant: dt.datetime) -> str:
    """Returns RFC 3339 in UTC, without a fraction."""
    return f"{instant.astimezone(dt.UTC).isoformat(timespec='seconds').removesuffix(_UTC_OFFSET)}Z"


def flag(*, value: bool) -> str:
    """Returns `true` or `false`."""
    return "true" if value else "false"
