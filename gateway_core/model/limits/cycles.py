"""Reset cycles: calendar periods in an organization's time zone. Half-open periods tile time without gaps or overlaps.

The period in which a hold was placed owns its charge. A period starts at local midnight. If a zone skips midnight when
it changes its clocks, the period starts at the first instant of that local day.
"""

import enum
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


class Cycle(enum.StrEnum):
    """How often a budget resets."""

    NEVER = "NEVER"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open interval `[start, end)` in whole seconds since the epoch. `end_epoch_s` is None if it never ends."""

    start_epoch_s: int
    end_epoch_s: int | None

    def contains(self, instant_epoch_s: float) -> bool:
        """Returns whether the instant is in the period."""
        return self.start_epoch_s <= instant_epoch_s and (
            self.end_epoch_s is None or instant_epoch_s < self.end_epoch_s
        )


FOREVER = Period(0, None)


def period_at(cycle: Cycle, zone: ZoneInfo, instant_epoch_s: float) -> Period:
    """Returns the period of `cycle` that contains the instant, in the calendar of `zone`.

    Weeks start on Monday (ISO 8601).
    """
    if cycle is Cycle.NEVER:
        return FOREVER
    # Whole seconds only: the conversion rounds to microseconds, and could round up to the next midnight.
    today = datetime.fromtimestamp(math.floor(instant_epoch_s), zone).date()
    first = _first_day(cycle, today)
    period = Period(_day_start(first, zone), _day_start(_next_first_day(cycle, first), zone))
    if period.end_epoch_s is not None and instant_epoch_s >= period.end_epoch_s:
        # A zone that sets its clocks back over midnight repeats a local date. The second pass belongs to the next
        # period.
        return period_at(cycle, zone, _noon(_next_first_day(cycle, first), zone))
    return period


@lru_cache(maxsize=1_024)
def period_before(cycle: Cycle, zone: ZoneInfo, start_epoch_s: int) -> Period:
    """Returns the period that ends where another one starts. Not for `NEVER`."""
    return period_at(cycle, zone, start_epoch_s - 1)


def _first_day(cycle: Cycle, day: date) -> date:
    if cycle is Cycle.MONTHLY:
        return day.replace(day=1)
    if cycle is Cycle.WEEKLY:
        return day - timedelta(days=day.weekday())
    return day


def _next_first_day(cycle: Cycle, first: date) -> date:
    if cycle is Cycle.MONTHLY:
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if cycle is Cycle.WEEKLY else 1)


def _noon(day: date, zone: ZoneInfo) -> float:
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp()


def _day_start(day: date, zone: ZoneInfo) -> int:
    """Returns the first instant of the local day.

    fold=0 reads a repeated midnight as its first pass, and a skipped one as the jump itself. So a day that a zone
    skipped entirely (Samoa: 2011-12-30) is empty and starts where the next one does.
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


class PeriodClock:
    """`period_at` with a cache: it does calendar arithmetic once per cycle and zone instead of once per call."""

    def __init__(self) -> None:
        self._periods: dict[tuple[Cycle, str], Period] = {}

    def period_at(self, cycle: Cycle, zone: ZoneInfo, instant_epoch_s: float) -> Period:
        """Returns the same as the module's `period_at`."""
        if cycle is Cycle.NEVER:
            return FOREVER
        key = (cycle, zone.key)
        period = self._periods.get(key)
        if period is None or not period.contains(instant_epoch_s):
            period = self._periods[key] = period_at(cycle, zone, instant_epoch_s)
        return period
