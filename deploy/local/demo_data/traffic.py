"""The calls of the demo company, day by day: who calls what and when, what goes wrong, and what is unusual."""

import datetime as dt
import enum
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from deploy.local.demo_data.company import Caller, Company
from deploy.local.demo_data.habits import RUNAWAY, STOLEN, Hours, Use

_US: Final = 1_000_000
_DAY: Final = dt.timedelta(days=1)
_SATURDAY: Final = 5

_HOUR_WEIGHTS: Final = {
    Hours.OFFICE: (0, 0, 0, 0, 0, 0, 0.2, 1, 5, 9, 10, 9, 5, 8, 10, 9, 8, 5, 2.5, 1.2, 1, 0.7, 0.4, 0.1),
    Hours.ALWAYS: (2, 1.5, 1, 1, 1, 1.5, 2.5, 4, 7, 9, 9, 8, 7, 8, 9, 8, 7, 6, 5, 5, 4, 4, 3, 2.5),
    Hours.NIGHTLY: (0, 6, 10, 8, 3, *(0,) * 19),
    Hours.MONTHLY: (0, 0, 8, 10, 6, 2, *(0,) * 18),
}
"""By the hour on the clocks."""
_GROWTH_FROM, _GROWTH_TO = 0.6, 1.4
_HOLIDAYS: Final = frozenset({(1, 1), (5, 1), (10, 3), (12, 24), (12, 25), (12, 26), (12, 31)})
_EASTER: Final = (-2, 1, 39, 50)
"""Good Friday, Easter Monday, Ascension Day and Whit Monday, in days after Easter Sunday."""
_ON_HOLIDAYS, _BETWEEN_THE_YEARS, _IN_AUGUST = 0.05, 0.35, 0.8

RUNAWAY_DAYS, THEFT_DAYS, SPIKE_DAYS, OUTAGE_DAYS = 41, 17, 75, 100
"""How many days before the end something unusual happens."""
_RUNAWAY_SHARE, _THEFT_SHARE = 0.004, 0.0008
"""Of all calls."""
_SPIKE_FACTOR: Final = 9.0
_OUTAGE_HOURS: Final = range(14, 16)
_OUTAGE_MODELS: Final = "claude-"


class Fate(enum.Enum):
    """How a call ends."""

    COMPLETED = enum.auto()
    PROVIDER_ERROR = enum.auto()
    """The provider answered with an error."""
    UNAVAILABLE = enum.auto()
    """No connection to the provider."""
    DISCONNECTED = enum.auto()
    """The caller left before the end."""
    TIMEOUT = enum.auto()
    UNREPORTED = enum.auto()
    """Its report comes after its hold has expired."""
    LOST = enum.auto()
    """Its report never comes."""


_FATES: Final = (
    (0.012, Fate.PROVIDER_ERROR), (0.017, Fate.UNAVAILABLE), (0.022, Fate.DISCONNECTED), (0.024, Fate.TIMEOUT),
    (0.0250, Fate.UNREPORTED), (0.0253, Fate.LOST),
)  # fmt: skip
"""Shares of calls, added up. The rest completes."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A call."""

    placed_epoch_us: int
    caller: Caller
    use: Use
    fate: Fate
    input_tokens: int
    """With those that a cache had."""
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    """Beside the output."""
    is_streamed: bool
    duration_ms: int
    time_to_first_byte_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """The days of the traffic, in a time zone."""

    first: dt.date
    end: dt.date
    """The day after the last one."""
    zone: ZoneInfo

    def days(self) -> Iterator[dt.date]:
        """Yields the days."""
        for number in range((self.end - self.first).days):
            yield self.first + dt.timedelta(days=number)

    def epoch_us(self, day: dt.date, second: float = 0) -> int:
        """Returns the instant this many seconds on the clocks after the midnight that begins a day."""
        clocks = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=second)
        return round(clocks.replace(tzinfo=self.zone).timestamp() * _US)


class Traffic:
    """Makes the calls of each day."""

    def __init__(self, company: Company, span: Span, calls: int, randomness: random.Random) -> None:
        """Creates the traffic.

        Args:
            company: who calls.
            span: when.
            calls: about how many calls there are, without the unusual ones.
            randomness: decides everything else.
        """
        self._company = company
        self._span = span
        self._calls = calls
        self._randomness = randomness
        self._runaway = company.caller("sa-code-review")
        self._stolen = company.first_of("web")
        expected = sum(self._weight(caller, day) for day in span.days() for caller in company.callers)
        self._scale = calls / expected

    def of_day(self, day: dt.date) -> list[Draft]:
        """Returns the calls of a local day by the instant at which they were placed. Call it once for each day, in order."""
        drafts: list[Draft] = []
        is_spike = day == self._span.end - dt.timedelta(days=SPIKE_DAYS)
        for caller in self._company.callers:
            expected = self._weight(caller, day) * self._scale
            if expected == 0:
                continue
            expected *= self._randomness.lognormvariate(-0.06, 0.35)
            if is_spike and "marketing" in caller.path_on(day):
                expected *= _SPIKE_FACTOR
            drafts += (self._ordinary(caller, day) for _ in range(_poisson(self._randomness, expected)))
        drafts += self._unusual(day)
        # In the hour that clocks skip or repeat, the order on the clocks is not that of the instants.
        return sorted(drafts, key=lambda draft: draft.placed_epoch_us)

    def _weight(self, caller: Caller, day: dt.date) -> float:
        if not caller.is_there(day):
            return 0.0
        habit = caller.habit
        if habit.hours is Hours.MONTHLY and day.day != 1:
            return 0.0
        weight = habit.calls_per_day * caller.eagerness * self._growth(day)
        if day.weekday() >= _SATURDAY and habit.hours is not Hours.MONTHLY:
            weight *= habit.weekend
        if habit.hours is Hours.OFFICE:
            weight *= season(day)
        return weight

    def _growth(self, day: dt.date) -> float:
        passed = (day - self._span.first) / (self._span.end - self._span.first)
        years = min(1.0, (self._span.end - self._span.first).days / 365)
        return 1 + ((_GROWTH_FROM - 1) + (_GROWTH_TO - _GROWTH_FROM) * passed) * years

    def _ordinary(self, caller: Caller, day: dt.date) -> Draft:
        habit = caller.habit
        hour = self._randomness.choices(range(24), _HOUR_WEIGHTS[habit.hours])[0]
        use = self._randomness.choices(habit.uses, cum_weights=habit.cumulative)[0]
        return self._draft(caller, day, hour, use)

    def _unusual(self, day: dt.date) -> Iterator[Draft]:
        before_end = (self._span.end - day).days
        if before_end == RUNAWAY_DAYS:
            for _ in range(round(self._calls * _RUNAWAY_SHARE)):
                yield self._draft(self._runaway, day, self._randomness.choice((19, 20, 21, 22, 23)), RUNAWAY)
        if before_end in {THEFT_DAYS, THEFT_DAYS + 1}:
            for _ in range(round(self._calls * _THEFT_SHARE)):
                yield self._draft(self._stolen, day, self._randomness.choice((1, 2, 3, 4)), STOLEN)

    def _draft(self, caller: Caller, day: dt.date, hour: int, use: Use) -> Draft:
        randomness = self._randomness
        size = randomness.lognormvariate(0, 0.5)
        input_tokens = max(8, round(use.input_tokens * size))
        output = round(use.output_tokens * randomness.lognormvariate(0, 0.6)) if use.output_tokens else 0
        reasoning = round(use.reasoning_tokens * randomness.lognormvariate(0, 0.7)) if use.reasoning_tokens else 0
        hit = randomness.random()
        cached = round(input_tokens * use.cached * min(1.0, 1.15 * hit**0.2)) if use.cached else 0
        wait = round(180 + input_tokens / 60 + 1_000 * reasoning / use.tokens_per_s + randomness.expovariate(1 / 150))
        fate = self._fate(day, hour, use)
        return Draft(
            placed_epoch_us=self._span.epoch_us(day, hour * 3_600 + randomness.random() * 3_600),
            caller=caller,
            use=use,
            fate=fate,
            input_tokens=input_tokens,
            cached_tokens=cached,
            output_tokens=output,
            reasoning_tokens=reasoning,
            is_streamed=randomness.random() < use.streamed,
            duration_ms=wait + round(1_000 * output / use.tokens_per_s),
            time_to_first_byte_ms=wait,
        )

    def _fate(self, day: dt.date, hour: int, use: Use) -> Fate:
        is_outage = hour in _OUTAGE_HOURS and (self._span.end - day).days == OUTAGE_DAYS
        if is_outage and use.model.startswith(_OUTAGE_MODELS):
            return self._randomness.choice((Fate.UNAVAILABLE, Fate.PROVIDER_ERROR))
        drawn = self._randomness.random()
        return next((fate for share, fate in _FATES if drawn < share), Fate.COMPLETED)


@lru_cache(maxsize=1_024)
def season(day: dt.date) -> float:
    """Returns the share of an ordinary day's calls that people in an office make on a day of the year."""
    if (day.month, day.day) in _HOLIDAYS or (day - easter(day.year)).days in _EASTER:
        return _ON_HOLIDAYS
    if (day.month, day.day) >= (12, 22) or (day.month, day.day) <= (1, 3):
        return _BETWEEN_THE_YEARS
    return _IN_AUGUST if day.month == 8 else 1.0


def easter(year: int) -> dt.date:
    """Returns Easter Sunday of the Gregorian calendar (Meeus/Jones/Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return dt.date(year, f // 31, f % 31 + 1)


def _poisson(randomness: random.Random, expected: float) -> int:
    if expected > 30:
        return max(0, round(randomness.gauss(expected, math.sqrt(expected))))
    limit, product, count = math.exp(-expected), randomness.random(), 0
    while product > limit:
        product *= randomness.random()
        count += 1
    return count
