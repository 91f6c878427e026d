"""When a rule lets its alerts be sent: at once, after quiet hours, or collected in a digest. Pure.

Times of the day are those of a wall clock in a time zone, also when it is changed: a night from 22:00 to 07:00 then has one hour
more or less. A time that the clock skips is the instant of the change. Of a time that it shows twice, quiet hours begin at the
first and end at the second.
"""

import datetime as dt
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

DIGEST_HOUR: Final = 8
"""Of the day at which digests are sent."""
EVERY_DAY: Final = frozenset(range(7))
_MINUTES_OF_HOUR: Final = 60


class Frequency(enum.StrEnum):
    """How often a rule sends what it reports."""

    AT_ONCE = "AT_ONCE"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A span of the day in which nothing is sent."""

    start_minute: int
    """Of the day, from 0."""
    end_minute: int
    """Of the day. If it is not after the start, the span ends on the next day."""
    days: frozenset[int]
    """The days of the week on which the span begins, Monday being 0."""
    zone: ZoneInfo
    alerts_pass: bool = False
    """Whether alerts of severity `ALERT` are sent nevertheless."""

    @classmethod
    def decode(cls, stored: Mapping[str, Any]) -> "QuietHours":
        """Reads what `encode` has returned."""
        days, zone = frozenset(stored["days"]), ZoneInfo(stored["zone"])
        return cls(stored["start"], stored["end"], days, zone, stored["alerts_pass"])

    def encode(self) -> dict[str, Any]:
        """Returns it as it is stored."""
        return {
            "start": self.start_minute,
            "end": self.end_minute,
            "days": sorted(self.days),
            "zone": self.zone.key,
            "alerts_pass": self.alerts_pass,
        }

    @property
    def never_ends(self) -> bool:
        """Whether it is quiet always."""
        return self.start_minute == self.end_minute and self.days == EVERY_DAY

    def end_after(self, now: dt.datetime) -> dt.datetime | None:
        """Returns when it is no longer quiet; None if it is not quiet now, or if there is no end."""
        moment = now
        # Each day's span may begin where the one before ends.
        for _ in range(len(EVERY_DAY) + 1):
            end = self._end_of_span(moment)
            if end is None:
                return None if moment is now else moment
            moment = end
        return None

    def _end_of_span(self, now: dt.datetime) -> dt.datetime | None:
        """Returns the end of the span that contains an instant."""
        today = now.astimezone(self.zone).date()
        ends = [
            span[1]
            for day in (today - dt.timedelta(days=1), today)
            if day.weekday() in self.days and (span := self._span_of(day))[0] <= now < span[1]
        ]
        return max(ends, default=None)

    def _span_of(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        is_overnight = self.end_minute <= self.start_minute
        last = day + dt.timedelta(days=1) if is_overnight else day
        return (
            _instant(day, self.start_minute, self.zone, fold=0),
            _instant(last, self.end_minute, self.zone, fold=1),
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule lets its alerts be sent. The inbox gets them at once in any case."""

    frequency: Frequency = Frequency.AT_ONCE
    quiet_hours: QuietHours | None = None

    @classmethod
    def decode(cls, frequency: str, quiet_hours: str | None) -> "Schedule":
        """Reads it from how it is stored: the quiet hours as JSON."""
        return cls(Frequency(frequency), QuietHours.decode(json.loads(quiet_hours)) if quiet_hours else None)

    @property
    def without_digests(self) -> "Schedule":
        """The same for channels that get each alert by itself."""
        return replace(self, frequency=Frequency.AT_ONCE)

    @property
    def stored_quiet_hours(self) -> str | None:
        """The quiet hours as JSON; None without any."""
        return json.dumps(self.quiet_hours.encode()) if self.quiet_hours else None

    @property
    def never_sends(self) -> bool:
        """Whether quiet hours leave no time at all."""
        return self.quiet_hours is not None and self.quiet_hours.never_ends

    def time_of(self, severity: str, now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
        """Returns when an alert is sent.

        Args:
            severity: of the alert.
            now: when it happened.
            zone: of the organization, for digests.
        """
        return self.after_quiet_hours(severity, next_digest(self.frequency, now, zone))

    def after_quiet_hours(self, severity: str, moment: dt.datetime) -> dt.datetime:
        """Returns the first instant from `moment` on at which an alert of this severity may be sent."""
        quiet = self.quiet_hours
        if quiet is None or (quiet.alerts_pass and severity == "ALERT"):
            return moment
        return quiet.end_after(moment) or moment


AT_ONCE: Final = Schedule()


def next_digest(frequency: Frequency, now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Returns when the next digest after an instant is sent: at 08:00, or on Mondays at 08:00. Without digests: the instant."""
    if frequency is Frequency.AT_ONCE:
        return now
    day = now.astimezone(zone).date()
    while True:
        moment = _instant(day, DIGEST_HOUR * _MINUTES_OF_HOUR, zone, fold=0)
        if moment > now and (frequency is Frequency.DAILY or day.weekday() == 0):
            return moment
        day += dt.timedelta(days=1)


def _instant(day: dt.date, minute: int, zone: ZoneInfo, *, fold: int) -> dt.datetime:
    """Returns the instant of a time on the wall clock, in UTC. `fold` chooses between two of the same time."""
    wall = dt.datetime.combine(day, dt.time(minute // _MINUTES_OF_HOUR, minute % _MINUTES_OF_HOUR))
    first, second = sorted(wall.replace(tzinfo=zone, fold=one).astimezone(dt.UTC) for one in (0, 1))
    if second.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return second if fold else first
    return _change_between(first, second, zone)


def _change_between(before: dt.datetime, after: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Returns the second at which the clock of a zone was changed."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > dt.timedelta(seconds=1):
        middle = before + (after - before) / 2
        before, after = (before, middle) if middle.astimezone(zone).utcoffset() == offset else (middle, after)
    return after.replace(microsecond=0)
