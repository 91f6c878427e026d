"""Writes figures and times as readers of a language expect them. Rounds half up, in integers."""

import datetime as dt
from typing import Final

from admin_service.analytics.language import Language
from admin_service.analytics.reports.report import Interval
from gateway_core.model.money import NANO_CREDITS_PER_CREDIT

MINUS: Final = "\u2212"
NOTHING: Final = "\u2013"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LARGEST_CHANGE: Final = 10_000
"""In tenths of a percent. Larger changes are shown as more than this."""
_EXACT_BELOW: Final = 1_000_000
_UNITS: Final = {
    Language.ENGLISH: ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")),
    Language.CHINESE: ((10**12, "万亿"), (10**8, "亿"), (10**4, "万")),
}


def money(nano_credits: int, places: int = 2) -> str:
    """Returns an amount in dollars. An amount that would be rounded to zero has as many places as it needs, up to nine."""
    if nano_credits < 0:
        return MINUS + money(-nano_credits, places)
    while nano_credits > 0 and places < 9 and 2 * nano_credits < NANO_CREDITS_PER_CREDIT // 10**places:
        places += 1
    unit = NANO_CREDITS_PER_CREDIT // 10**places
    rounded = (2 * nano_credits + unit) // (2 * unit)
    whole, rest = divmod(rounded, 10**places)
    return f"${whole:,}" + (f".{rest:0{places}d}" if places else "")


def axis_money(nano_credits: int) -> str:
    """Returns the label of a round amount: `$2.5K`, `$0.02`."""
    for size, letter in ((10**15, "M"), (10**12, "K")):
        if nano_credits >= size:
            return f"${_short(nano_credits, size)}{letter}"
    if nano_credits == 0:
        return "$0"
    text = f"{nano_credits // NANO_CREDITS_PER_CREDIT}.{nano_credits % NANO_CREDITS_PER_CREDIT:09d}"
    return "$" + text.rstrip("0").rstrip(".")


def count(number: int) -> str:
    """Returns a number with separators."""
    return f"{number:,}" if number >= 0 else f"{MINUS}{-number:,}"


def short_count(number: int, language: Language) -> str:
    """Returns a number below a million exactly, and a larger one with three digits and a unit."""
    if number < _EXACT_BELOW:
        return count(number)
    for size, unit in _UNITS[language]:
        if number >= size:
            return f"{_three_digits(number, size)} {unit}"
    return count(number)


def share(part: int, whole: int) -> str:
    """Returns a share in percent with one place."""
    return f"{_tenths(part, whole)}%" if whole > 0 else NOTHING


def change(now: int, before: int, new: str) -> str:
    """Returns the change in percent; `new` if there was nothing before."""
    if before <= 0:
        return new if now > 0 else NOTHING
    delta = now - before
    tenths = (2 * abs(delta) * 1_000 + before) // (2 * before)
    if tenths == 0:
        return "0.0%"
    sign = "+" if delta > 0 else MINUS
    if tenths >= _LARGEST_CHANGE:
        return f">{sign}{_LARGEST_CHANGE // 10:,}%"
    return f"{sign}{tenths // 10}.{tenths % 10}%"


def day(moment: dt.date, language: Language) -> str:
    """Returns a day with its year."""
    if language is Language.CHINESE:
        return f"{moment.year}年{moment.month}月{moment.day}日"
    return f"{_MONTHS[moment.month - 1]} {moment.day}, {moment.year}"


def days(first: dt.date, last: dt.date, language: Language) -> str:
    """Returns a day with its year, or the first and the last of several."""
    if first == last:
        return day(first, language)
    if first.year != last.year:
        shown = day(first, language), day(last, language)
    elif language is Language.CHINESE:
        shown = day(first, language), short_day(last, language)
    else:
        shown = short_day(first, language), day(last, language)
    return ("至" if language is Language.CHINESE else f" {NOTHING} ").join(shown)


def short_day(moment: dt.date, language: Language) -> str:
    """Returns a day without its year."""
    if language is Language.CHINESE:
        return f"{moment.month}月{moment.day}日"
    return f"{_MONTHS[moment.month - 1]} {moment.day}"


def minute(moment: dt.datetime, language: Language) -> str:
    """Returns a moment to the minute, in its own time zone."""
    return f"{day(moment, language)} {moment:%H:%M}"


def bucket(start: dt.datetime, interval: Interval, language: Language) -> str:
    """Returns the label of a bucket."""
    return f"{start:%H:%M}" if interval is Interval.HOUR else short_day(start, language)


def period(start: dt.datetime, end: dt.datetime, language: Language) -> str:
    """Returns a half-open period in local time: whole days by their first and last, other periods to the minute."""
    is_whole = all((one.hour, one.minute, one.second, one.microsecond) == (0, 0, 0, 0) for one in (start, end))
    between = "至" if language is Language.CHINESE else f" {NOTHING} "
    if not is_whole:
        return f"{minute(start, language)}{between}{minute(end, language)}"
    last = end.date() - dt.timedelta(days=1)
    if last == start.date():
        return day(last, language)
    return f"{day(start, language)}{between}{day(last, language)}"


def _tenths(part: int, whole: int) -> str:
    tenths = (2 * abs(part) * 1_000 + whole) // (2 * whole)
    return f"{MINUS if part < 0 and tenths else ''}{tenths // 10}.{tenths % 10}"


def _short(number: int, size: int) -> str:
    return f"{number // size}.{number % size * 1_000 // size:03d}".rstrip("0").rstrip(".")


def _three_digits(number: int, size: int) -> str:
    for places in (2, 1, 0):
        unit = size // 10**places
        rounded = (2 * number + unit) // (2 * unit)
        if rounded < 1_000 or places == 0:
            whole, rest = divmod(rounded, 10**places)
            return f"{whole:,}" + (f".{rest:0{places}d}" if places else "")
    raise AssertionError("unreachable")
