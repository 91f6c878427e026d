"""Judges the finished days of a scope, and the hours of a running one. Pure."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Final

from gateway_core.model.anomalies.detector import Anomaly, Lessons, Point, Settings, detect
from gateway_core.model.organization.scopes import Scope, ScopeKind

_HOURS_OF_DAY: Final = 24
_BAR_PER_MISTAKE: Final = 0.25
_MISTAKES_AT_MOST: Final = 4
_GROUP_FLOOR: Final = 0.35
"""The spend of a group is steadier than that of a person, because its members even out."""
_USUAL_DAYS: Final = 28
_LEAST_PERCENT: Final = 2
"""Of what the organization usually spends in a day. A smaller excess is no reason to look."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What people said about the anomalies of a scope, by day."""

    planned: frozenset[dt.date] = frozenset()
    wrong: frozenset[dt.date] = frozenset()

    @property
    def bar(self) -> float:
        """By how much more surprising something must be: a quarter more for each false alarm, at most twice as much."""
        return 1 + _BAR_PER_MISTAKE * min(len(self.wrong), _MISTAKES_AT_MOST)


@dataclass(slots=True)
class Series:
    """The charges of a scope by day."""

    scope: Scope
    charges: dict[dt.date, int] = field(default_factory=dict)
    """In nano-credits. Days without calls are missing."""
    paths: dict[dt.date, tuple[str, ...]] = field(default_factory=dict)
    """To the group itself, or to that of the member or key, on each day."""
    member: str = ""
    """Of a member or a key."""


@dataclass(frozen=True, slots=True)
class Found:
    """An anomalous day, or an hour of one. Amounts are in nano-credits."""

    day: dt.date
    start: dt.datetime
    """As in the series: the day at midnight, or the hour."""
    actual: int
    expected: int
    lowest_usual: int
    highest_usual: int
    references: tuple[dt.datetime, ...]
    """Starts of the days or hours that it was compared with."""


def least_excess(of_organization: Series, day: dt.date) -> int:
    """Returns the least excess that matters to an organization on a day: a part of the median of its last days with spend."""
    days = (day - dt.timedelta(days=number) for number in range(1, _USUAL_DAYS + 1))
    charges = [charge for one in days if (charge := of_organization.charges.get(one, 0)) > 0]
    return int(median(charges)) * _LEAST_PERCENT // 100 if charges else 0


def judge_days(series: Series, end: dt.date, verdicts: Verdicts, of_organization: Series) -> list[Found]:
    """Returns the anomalous days of a scope before a day that matter to its organization, oldest first."""
    first = min(series.charges)
    points = [
        Point(dt.datetime.combine(day, dt.time()), max(0, series.charges.get(day, 0)))
        for day in (first + dt.timedelta(days=number) for number in range((end - first).days))
    ]
    lessons = Lessons(_indexes(points, verdicts.planned), _indexes(points, verdicts.wrong))
    is_group = series.scope.kind is ScopeKind.GROUP
    settings = replace(Settings(), deviation_floor=_GROUP_FLOOR) if is_group else Settings()
    found = (_found(points, one) for one in detect(points, _raised(settings, verdicts.bar), lessons=lessons))
    return [one for one in found if one.actual - one.expected >= least_excess(of_organization, one.day)]


def judge_hours(
    charges: Mapping[dt.datetime, int], today: dt.date, end: dt.datetime, verdicts: Verdicts, least: int
) -> Found | None:
    """Returns the hour of the running day with the largest excess among those that are anomalous; None if none is.

    There are 24 times as many hours as days, so an hour must be that much more surprising.

    Args:
        charges: by the start of the hour on the clocks.
        today: the running day.
        end: the hour on the clocks in which the running hour began.
        verdicts: what people said about the member's anomalies.
        least: the least excess that matters.
    """
    first = min(charges)
    count = int((end - first) / dt.timedelta(hours=1))
    points = [
        Point(start, max(0, charges.get(start, 0)))
        for start in (first + dt.timedelta(hours=number) for number in range(count))
    ]
    settings = _raised(_stricter(Settings(), math.log(_HOURS_OF_DAY)), verdicts.bar)
    anomalies = [
        one for one in detect(points, settings, hourly=True) if one.start.date() == today and one.excess >= least
    ]
    largest = max(anomalies, key=lambda one: one.excess, default=None)
    return None if largest is None else _found(points, largest)


def _stricter(settings: Settings, by: float) -> Settings:
    thresholds = tuple(one + by for one in settings.thresholds)
    return replace(settings, thresholds=thresholds, largest_surprise=settings.largest_surprise + by)


def _raised(settings: Settings, bar: float) -> Settings:
    # With the thresholds alone, no single bucket would be surprising enough.
    thresholds = tuple(one * bar for one in settings.thresholds)
    return replace(settings, thresholds=thresholds, largest_surprise=settings.largest_surprise * bar)


def _indexes(points: Sequence[Point], days: frozenset[dt.date]) -> frozenset[int]:
    return frozenset(index for index, point in enumerate(points) if point.start.date() in days)


def _found(points: Sequence[Point], one: Anomaly) -> Found:
    references = tuple(points[index].start for index in one.references)
    return Found(one.start.date(), one.start, one.actual, one.expected, one.lowest_usual, one.highest_usual, references)
