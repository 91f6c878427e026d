"""At which instants a schedule runs, and which period a run exports. Pure."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.limits.cycles import Cycle, period_at, period_before

_DAY: Final = dt.timedelta(days=1)
_MARGIN_DAYS: Final = 2
"""The date of an instant differs from zone to zone, and clocks may skip a whole day."""
_LONGEST_DAYS: Final = 31
"""Between two times of a schedule."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The times of a schedule, in the organization's time zone."""

    cadence: Cycle
    """Not `NEVER`."""
    weekday: int
    """From 1 for Monday, if weekly; otherwise 0."""
    day_of_month: int
    """From 1 to 28, if monthly; otherwise 0."""
    hour: int

    def includes(self, day: dt.date) -> bool:
        """Whether there is a time on this day."""
        if self.cadence is Cycle.WEEKLY:
            return day.isoweekday() == self.weekday
        if self.cadence is Cycle.MONTHLY:
            return day.day == self.day_of_month
        return True


def next_run(rhythm: Rhythm, zone: ZoneInfo, after: dt.datetime) -> dt.datetime:
    """Returns the first time after an instant, in UTC.

    If the clocks skip the hour, the time is as much later as they jump. If they repeat it, only the first pass counts.
    So each day has one time.
    """
    first = after.astimezone(zone).date() - _MARGIN_DAYS * _DAY
    return next(run for run in _runs(rhythm, zone, first, _DAY) if run > after)


def latest_run(rhythm: Rhythm, zone: ZoneInfo, until: dt.datetime) -> dt.datetime:
    """Returns the last time that is not after an instant, in UTC."""
    last = until.astimezone(zone).date() + _MARGIN_DAYS * _DAY
    return next(run for run in _runs(rhythm, zone, last, -_DAY) if run <= until)


def exported_period(period: Cycle, zone: ZoneInfo, run: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Returns the start and the end of the last whole day, week or month before a run, in UTC."""
    before = period_before(period, zone, period_at(period, zone, run.timestamp()).start_epoch_s)
    if before.end_epoch_s is None:
        raise AssertionError("a schedule exports a period that ends")
    return _instant(before.start_epoch_s), _instant(before.end_epoch_s)


def _runs(rhythm: Rhythm, zone: ZoneInfo, day: dt.date, step: dt.timedelta) -> Iterator[dt.datetime]:
    for _ in range(_LONGEST_DAYS + 2 * _MARGIN_DAYS + 1):
        if rhythm.includes(day):
            yield dt.datetime(day.year, day.month, day.day, rhythm.hour, tzinfo=zone).astimezone(dt.UTC)
        day += step


def _instant(epoch_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
