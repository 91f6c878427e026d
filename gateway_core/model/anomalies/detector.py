"""Decides which days or hours of a series of spend are out of the ordinary.

It judges each bucket from earlier ones only. A bucket is compared with those of its own class (working days or weekends; of
hours, also the hour of the day) on a logarithmic scale: its distance from their median, in units of their median absolute
deviation, becomes a surprise, the negative logarithm of the probability of such an amount. A class in which the series is rarely
active adds the surprise of being active at all. One bucket with a large surprise, or up to three in a row with a large sum, make
an anomaly.

What keeps it quiet:

- A floor for the deviation, and a factor for few references, so that steady or short series are not judged too strictly.
- A new series is not judged before it has been active a number of times.
- Anomalous buckets do not become references, unless they go on so long that they are the new level. Then only it counts.
- What returns a month later on the same day, alone and with a similar amount, is a batch.
- An anomaly that goes on after a quiet day is not reported again.

The median and the median absolute deviation (times 1.4826, which makes it the standard deviation of a normal distribution) are
robust: https://en.wikipedia.org/wiki/Median_absolute_deviation.
"""

import calendar
import datetime as dt
import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

_NORMAL_OF_MAD: Final = 1.4826
_SATURDAY: Final = 5
_MONTHS_BACK: Final = 2
_SEARCHED_LONGEST: Final = dt.timedelta(days=365)
_STANDS_OUT: Final = 2.0
"""The distance of a bucket that may be a batch, in deviations."""
_LEAST_SHARE_OF_CLASS: Final = 0.5
_LEAST_OF_CLASS: Final = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """How strict the detector is. Surprises are in nats."""

    thresholds: tuple[float, ...] = (9.0, 11.0, 12.5)
    """The least sum of surprises of one bucket, of two in a row, and so on."""
    each: float = 1.6
    """The least surprise of each bucket in a row."""
    largest_surprise: float = 12.0
    """What one amount counts at most, so that two in a row are more than one outlier."""
    window: dt.timedelta = dt.timedelta(days=56)
    """How far back references reach."""
    deviation_floor: float = 0.6
    """The least deviation, as the logarithm of a ratio."""
    few_references: float = 3.0
    """The deviation of n references is widened by this many n-ths."""
    least_ratio: float = 3.0
    """The least multiple of the expected amount."""
    least_excess: int = 5_000_000
    """The least excess over the expected amount, in nano-credits."""
    new_below: int = 8
    """A series with fewer active buckets is new, and is not judged."""
    sparse_below: int = 14
    """With fewer active references in the window, those of the last year count, up to this number."""
    new_level_after: int = 9
    """After this many anomalous buckets, they are the new level, if they lie within `new_level_within` buckets."""
    new_level_within: int = 12
    goes_on_within: int = 10
    """An anomaly that returns within this many buckets, no larger than `goes_on_ratio` times before, is the same one."""
    goes_on_ratio: float = 1.5
    recurring_ratio: float = 2.5
    """How much a monthly batch may differ from the one before, as a ratio."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was spent in one bucket."""

    start: dt.datetime
    """Local start of the bucket. Its zone does not matter."""
    amount: int
    """In nano-credits, at least 0."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A bucket that is out of the ordinary."""

    index: int
    """Of the point in the series."""
    start: dt.datetime
    actual: int
    expected: int
    """The median of the references."""
    highest_usual: int
    """The largest amount that would not have been an anomaly alone, in nano-credits."""
    lowest_usual: int
    """As far below the expected amount as the highest usual one would be above it by the deviation alone."""
    surprise: float
    """Of the whole row of buckets that made it, in nats."""
    references: tuple[int, ...] = ()
    """Indexes of the earlier buckets that it was compared with."""

    @property
    def excess(self) -> int:
        """Nano-credits above the expected amount."""
        return self.actual - self.expected


@dataclass(frozen=True, slots=True)
class Lessons:
    """What people said about buckets, by their indexes."""

    planned: frozenset[int] = frozenset()
    """They never become references, however long they go on."""
    ordinary: frozenset[int] = frozenset()
    """They become references though they were anomalous."""


NO_LESSONS: Final = Lessons()


@dataclass(slots=True)
class _Class:
    """The indexes of the earlier buckets of one kind, such as weekends, that may be references. In order."""

    all: list[int] = field(default_factory=list)
    active: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Expectation:
    median: float
    """Of the logarithms of the references."""
    deviation: float
    idle_surprise: float
    """The surprise of being active at all."""
    references: tuple[int, ...]


def detect(
    points: Sequence[Point], settings: Settings = Settings(), *, hourly: bool = False, lessons: Lessons = NO_LESSONS
) -> list[Anomaly]:
    """Returns the anomalous buckets of a series, oldest first.

    Args:
        points: one for each bucket, in order and without gaps; a bucket without calls has the amount 0.
        settings: how strict to be.
        hourly: whether buckets are hours and not days.
        lessons: what people said about earlier anomalies.
    """
    return _Judge(points, settings, lessons, hourly=hourly).run()


class _Judge:
    """Goes through a series once."""

    def __init__(self, points: Sequence[Point], settings: Settings, lessons: Lessons, *, hourly: bool) -> None:
        self._points = points
        self._settings = settings
        self._lessons = lessons
        self._hourly = hourly
        self._per_day = 24 if hourly else 1
        self._logs = [math.log(point.amount) if point.amount > 0 else 0.0 for point in points]
        self._distances = [0.0] * len(points)
        self._surprises = [0.0] * len(points)
        self._classes: dict[tuple[bool, int], _Class] = {}
        self._active: list[int] = []
        self._unusual: set[int] = set()
        self._reported: set[int] = set()
        self._level_start = 0

    def run(self) -> list[Anomaly]:
        found = []
        for index in range(len(self._points)):
            anomaly = self._judge(index)
            if anomaly is not None:
                found.append(anomaly)
            if index in self._lessons.planned:
                self._unusual.add(index)
            elif index in self._lessons.ordinary:
                self._unusual.discard(index)
            if index not in self._unusual:
                self._learn(index)
        return found

    def _judge(self, index: int) -> Anomaly | None:
        amount = self._points[index].amount
        expectation = self._expectation(index) if amount > 0 else None
        if expectation is None:
            return None
        expected = math.exp(expectation.median)
        distance = (self._logs[index] - expectation.median) / expectation.deviation
        self._distances[index] = distance
        if amount - expected < self._settings.least_excess or amount < self._settings.least_ratio * expected:
            return None
        self._surprises[index] = min(_surprise(distance), self._settings.largest_surprise) + expectation.idle_surprise
        total = self._surprise_in_a_row(index)
        if total is None:
            return None
        recurs = self._recurs(index)
        goes_on = self._goes_on(index)
        self._mark(index)
        if recurs or goes_on:
            return None
        self._reported.add(index)
        return Anomaly(
            index,
            self._points[index].start,
            amount,
            round(expected),
            self._highest_usual(expectation),
            self._lowest_usual(expectation),
            total,
            expectation.references,
        )

    def _highest_usual(self, expectation: _Expectation) -> int:
        """Returns the amount whose surprise is the threshold of one bucket."""
        distance = _distance_of(self._settings.thresholds[0] - expectation.idle_surprise)
        expected = math.exp(expectation.median)
        return round(
            max(
                math.exp(expectation.median + distance * expectation.deviation),
                expected * self._settings.least_ratio,
                expected + self._settings.least_excess,
            )
        )

    def _lowest_usual(self, expectation: _Expectation) -> int:
        distance = _distance_of(self._settings.thresholds[0] - expectation.idle_surprise)
        return round(math.exp(expectation.median - distance * expectation.deviation))

    def _expectation(self, index: int) -> _Expectation | None:
        """Returns what is usual at a bucket; None for a new series."""
        window = self._window_start(index)
        active = _since(self._active, window)
        if len(active) < self._settings.sparse_below:
            longest = self._longest_start(index)
            active = _since(self._active, longest)[-self._settings.sparse_below :]
        if len(active) < self._settings.new_below:
            return None
        own = self._class_of(index)
        of_class, active_of_class = _since(own.all, window), _since(own.active, window)
        if len(of_class) < _LEAST_OF_CLASS:
            return None
        enough = max(_LEAST_OF_CLASS, _LEAST_SHARE_OF_CLASS * len(of_class))
        references = active_of_class if len(active_of_class) >= enough else active
        logs = sorted(self._logs[reference] for reference in references)
        median = _median(logs)
        deviation = _NORMAL_OF_MAD * _median(sorted(abs(value - median) for value in logs))
        widened = max(deviation, self._settings.deviation_floor) * (1 + self._settings.few_references / len(logs))
        share = (len(active_of_class) + 1) / (len(of_class) + 1)
        return _Expectation(median, widened, -math.log(share), tuple(references))

    def _surprise_in_a_row(self, index: int) -> float | None:
        """Returns the sum of the shortest row of buckets up to this one that makes an anomaly; None if there is none."""
        total = 0.0
        for length, threshold in enumerate(self._settings.thresholds, 1):
            at = index - length + 1
            # A row ends at an anomaly, or else the days after one would be reported too.
            if at < 0 or (length > 1 and at in self._unusual) or self._surprises[at] <= self._settings.each:
                return None
            total += self._surprises[at]
            if total > threshold:
                return total
        return None

    def _recurs(self, index: int) -> bool:
        """Returns whether a similar amount stood alone on the same day of one of the last months, give or take a day."""
        if self._hourly:
            return False
        amount, ratio = self._points[index].amount, self._settings.recurring_ratio
        return any(
            amount / ratio <= self._points[at].amount <= amount * ratio
            and self._stands_out(at)
            and not self._stands_out(at - 1)
            and not (at + 1 < index and self._stands_out(at + 1))
            for at in self._same_days_before(index)
        )

    def _stands_out(self, index: int) -> bool:
        return index >= 0 and self._distances[index] > _STANDS_OUT

    def _same_days_before(self, index: int) -> Iterable[int]:
        day = self._points[index].start.date()
        for months in range(1, _MONTHS_BACK + 1):
            year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
            last = calendar.monthrange(year, month + 1)[1]
            before = index - (day - dt.date(year, month + 1, min(day.day, last))).days
            yield from (at for at in (before - 1, before, before + 1) if 0 <= at < index)

    def _goes_on(self, index: int) -> bool:
        if index - 1 in self._reported:
            return False
        first = max(0, index - self._settings.goes_on_within)
        amount = self._points[index].amount
        return any(
            at in self._reported and self._points[at].amount * self._settings.goes_on_ratio >= amount
            for at in range(first, index)
        )

    def _mark(self, index: int) -> None:
        """Keeps an anomalous bucket from becoming a reference, unless the anomaly has become the new level."""
        self._unusual.add(index)
        settings = self._settings
        lately = [
            at
            for at in range(index - settings.new_level_within + 1, index + 1)
            if at in self._unusual and at not in self._lessons.planned
        ]
        if len(lately) >= settings.new_level_after:
            self._level_start = lately[0]
            self._unusual.difference_update(lately)
            for at in lately[:-1]:
                self._learn(at)

    def _learn(self, index: int) -> None:
        own = self._class_of(index)
        insort(own.all, index)
        if self._points[index].amount > 0:
            insort(own.active, index)
            insort(self._active, index)

    def _class_of(self, index: int) -> _Class:
        start = self._points[index].start
        key = (start.weekday() >= _SATURDAY, start.hour if self._hourly else 0)
        return self._classes.setdefault(key, _Class())

    def _window_start(self, index: int) -> int:
        return max(self._level_start, index - self._settings.window.days * self._per_day)

    def _longest_start(self, index: int) -> int:
        return max(self._level_start, index - _SEARCHED_LONGEST.days * self._per_day)


def _since(indexes: Sequence[int], first: int) -> Sequence[int]:
    """Returns the indexes from one on. They are in order."""
    return indexes[bisect_left(indexes, first) :]


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _surprise(distance: float) -> float:
    """Returns the negative logarithm of the probability that a normal variable is at least this far above its mean."""
    if distance > 30:  # the complementary error function is 0 there
        return distance * distance / 2
    return -math.log(0.5 * math.erfc(distance / math.sqrt(2)))


def _distance_of(surprise: float) -> float:
    """Returns the distance with this surprise, to three decimals; 0 for what is no surprise."""
    low, high = 0.0, 40.0
    while high - low > 0.0005:
        middle = (low + high) / 2
        low, high = (middle, high) if _surprise(middle) < surprise else (low, middle)
    return round(low, 3)
