"""Forecasts what a scope will have spent at the end of a cycle. Pure.

The forecast is what was spent so far, plus what each remaining day is expected to cost. A day is expected to cost the mean of its
weekday in the last weeks, in which later weeks count more. So the first hours of a cycle do not decide about its end, and weekends
are not taken for working days. An extraordinary day counts only as much as a few ordinary ones, because it will hardly recur.

The band holds about 80 % of the actual sums. Its width comes from how far the same forecast was off in each of the past weeks.
"""

import datetime as dt
import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WINDOW_DAYS: Final = 56
"""How many days before the running one count."""
LEAST_DAYS: Final = 7
"""With fewer days since the first call, it is too early for a forecast."""
LEAST_ACTIVE_DAYS: Final = 3
_HALF_LIFE_DAYS: Final = 14.0
"""A day counts half as much as one this many days later."""
_EXTRAORDINARY: Final = 3.0
"""A day counts at most as much as this many median days with calls."""
_SATURDAY: Final = 5
_OWN_WEIGHT: Final = 2.0
"""How many days of the same kind, working days or weekends, count as much as the weekday's own ones."""
_BAND: Final = 1.7
"""The band is this many deviations wide, which held 80 % of the sums of members and of groups of 20."""
_WEEK: Final = 7
_WEEKS_AT_MOST: Final = 5
_PRIOR_ERROR, _PRIOR_WEEKS = 0.5, 1.5
"""The error of a week that is assumed before any was seen, and how many weeks it counts for."""
_OF_LEVEL: Final = 0.6
"""The share of a week's squared error that is due to a wrong level. The rest evens out over more days."""


class State(enum.StrEnum):
    """What a forecast says."""

    NONE = "NONE"
    """There was no spend lately, so there is nothing to forecast."""
    EARLY = "EARLY"
    """There are too few days to forecast from."""
    OK = "OK"
    """The expected spend is within the budget, or there is no budget."""
    EXCEEDED = "EXCEEDED"
    """The spend is above the budget, or is expected to be at the end of the cycle."""


@dataclass(frozen=True, slots=True)
class History:
    """The spend of past days."""

    first: dt.date
    amounts: Sequence[int]
    """In nano-credits, one for each day from the first one to the day before the running one."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What remains of a day of the cycle."""

    start: dt.datetime
    end: dt.datetime
    day: dt.date
    share: float
    """Of the day's spend that is still to come, 1 for a whole day."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The spend at the end of a cycle, in nano-credits."""

    state: State
    expected: int | None = None
    """None in the states NONE and EARLY, as is the band."""
    low: int | None = None
    high: int | None = None
    exhaust_time: dt.datetime | None = None
    """When the budget is expected to be spent; None if it lasts, or is spent already."""


def forecast(history: History, spent: int, rests: Sequence[Rest], budget: int | None) -> Forecast:
    """Forecasts the spend at the end of a cycle.

    Args:
        history: at most `WINDOW_DAYS` of it count.
        spent: in the cycle so far, in nano-credits.
        rests: what remains of the cycle, in order. The first one is the rest of the running day.
        budget: of the cycle, in nano-credits; None without one.
    """
    is_exceeded = budget is not None and spent > budget
    known = _known(history)
    if not known.amounts and not spent:
        return Forecast(State.NONE)
    if len(known.amounts) < LEAST_DAYS or sum(amount > 0 for amount in known.amounts) < LEAST_ACTIVE_DAYS:
        return Forecast(State.EXCEEDED if is_exceeded else State.EARLY)
    means = _means(known, len(known.amounts))
    coming = [rest.share * means[rest.day.weekday()] for rest in rests]
    rest = sum(coming)
    error = _BAND * _error_of_a_week(known) * _spread(sum(one.share for one in rests))
    expected = spent + round(rest)
    return Forecast(
        State.EXCEEDED if is_exceeded or (budget is not None and expected > budget) else State.OK,
        expected,
        spent + math.floor(rest / (1 + error)),
        spent + math.ceil(rest * (1 + error)),
        None if budget is None or is_exceeded else _exhaust_time(budget - spent, rests, coming),
    )


def _known(history: History) -> History:
    """Returns the days that count, from the first one with spend on."""
    dropped = max(0, len(history.amounts) - WINDOW_DAYS)
    while dropped < len(history.amounts) and history.amounts[dropped] <= 0:
        dropped += 1
    return History(history.first + dt.timedelta(days=dropped), history.amounts[dropped:])


def _means(known: History, until: int) -> list[float]:
    """Returns the expected amount of each weekday, from Monday on, by the first `until` days."""
    active = sorted(amount for amount in known.amounts[:until] if amount > 0)
    most = _EXTRAORDINARY * active[len(active) // 2] if active else 0.0
    sums, weights = [0.0] * _WEEK, [0.0] * _WEEK
    first = known.first.weekday()
    for index in range(until):
        weekday = (first + index) % _WEEK
        weight = 0.5 ** ((until - 1 - index) / _HALF_LIFE_DAYS)
        sums[weekday] += weight * min(max(known.amounts[index], 0), most)
        weights[weekday] += weight
    means = [0.0] * _WEEK
    for weekdays in (range(_SATURDAY), range(_SATURDAY, _WEEK)):
        weight = sum(weights[weekday] for weekday in weekdays)
        of_kind = sum(sums[weekday] for weekday in weekdays) / weight if weight else 0.0
        for weekday in weekdays:
            means[weekday] = (sums[weekday] + _OWN_WEIGHT * of_kind) / (weights[weekday] + _OWN_WEIGHT)
    return means


def _error_of_a_week(known: History) -> float:
    """Returns how far the forecasts of the past weeks were off, as a share of what was expected."""
    squares, count = _PRIOR_WEEKS * _PRIOR_ERROR**2, _PRIOR_WEEKS
    for week in range(1, _WEEKS_AT_MOST + 1):
        start = len(known.amounts) - week * _WEEK
        if start < _WEEK:
            break
        expected = sum(_means(known, start))
        if expected > 0:
            actual = sum(known.amounts[start : start + _WEEK])
            squares += min(1.0, abs(actual / expected - 1)) ** 2
            count += 1
    return math.sqrt(squares / count)


def _spread(days: float) -> float:
    """Returns by how much the error of a week, as a share, differs from that of so many days."""
    return math.sqrt(_OF_LEVEL + (1 - _OF_LEVEL) * _WEEK / days) if days > 0 else 0.0


def _exhaust_time(left: int, rests: Sequence[Rest], coming: Sequence[float]) -> dt.datetime | None:
    passed = 0.0
    for rest, amount in zip(rests, coming, strict=True):
        if passed + amount > left:
            return rest.start + (rest.end - rest.start) * ((left - passed) / amount)
        passed += amount
    return None
