"""Measures a detector on labeled series, by event.

An event is found when at least one of its buckets is reported. A report outside every event is a false alarm; reports of
consecutive buckets are one. Intervals are percentiles of a bootstrap over series
(https://en.wikipedia.org/wiki/Bootstrapping_(statistics)), because events of one series are not independent.
"""

import datetime as dt
import random
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from admin_service.analytics.anomalies.labeled_series import Event, Labels, Series
from gateway_core.model.anomalies.detector import Point

RESAMPLES: Final = 1_000
_TAIL: Final = 0.025

Detector = Callable[[Sequence[Point]], Sequence[dt.datetime]]
"""Returns the starts of the buckets that it reports."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the events of one series."""

    found: int
    missed: int
    false_alarms: int
    delays: tuple[float, ...]
    """Days from the first bucket of each found event to its first report."""
    found_kinds: Counter[str] = field(default_factory=Counter)
    all_kinds: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Score:
    """Measures over some series. None where there is nothing to measure."""

    precision: float | None
    """The share of reports, with consecutive ones as one, that belong to an event; a found event counts as one report."""
    recall: float | None
    """The share of events that were found."""
    median_delay_days: float | None
    false_alarms: int
    events: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A score with the 95 % intervals of precision and recall, and found and all events of each kind."""

    score: Score
    precision_interval: tuple[float, float] | None
    recall_interval: tuple[float, float] | None
    kinds: Mapping[str, tuple[int, int]]


def outcome_of(reports: Sequence[dt.datetime], events: Sequence[Event], step: dt.timedelta) -> Outcome:
    """Compares the reports about one series with its events."""
    delays = []
    found_kinds: Counter[str] = Counter()
    for event in events:
        # A bucket belongs to an event that begins inside it.
        within = [start for start in reports if start + step > event.start and start <= event.end]
        if within:
            delays.append(max((min(within) - event.start) / dt.timedelta(days=1), 0.0))
            found_kinds[event.kind] += 1
    outside = sorted(
        start for start in reports if not any(start + step > event.start and start <= event.end for event in events)
    )
    false_alarms = sum(1 for index, start in enumerate(outside) if index == 0 or start - outside[index - 1] > step)
    all_kinds = Counter(event.kind for event in events)
    return Outcome(len(delays), len(events) - len(delays), false_alarms, tuple(delays), found_kinds, all_kinds)


def score_of(outcomes: Sequence[Outcome]) -> Score:
    """Adds up the outcomes of some series."""
    found = sum(outcome.found for outcome in outcomes)
    missed = sum(outcome.missed for outcome in outcomes)
    alarms = sum(outcome.false_alarms for outcome in outcomes)
    delays = [delay for outcome in outcomes for delay in outcome.delays]
    return Score(
        precision=found / (found + alarms) if found + alarms else None,
        recall=found / (found + missed) if found + missed else None,
        median_delay_days=statistics.median(delays) if delays else None,
        false_alarms=alarms,
        events=found + missed,
    )


def measure(series: Series, labels: Labels, detector: Detector, step: dt.timedelta, seed: int = 1) -> Measured:
    """Runs a detector over labeled series. The same arguments give the same result."""
    outcomes = [outcome_of(detector(points), labels.get(name, ()), step) for name, points in sorted(series.items())]
    dice = random.Random(seed)  # noqa: S311 - repeatable
    resampled = [score_of(dice.choices(outcomes, k=len(outcomes))) for _ in range(RESAMPLES)]
    found: Counter[str] = sum((outcome.found_kinds for outcome in outcomes), Counter())
    everything: Counter[str] = sum((outcome.all_kinds for outcome in outcomes), Counter())
    return Measured(
        score_of(outcomes),
        _interval([score.precision for score in resampled]),
        _interval([score.recall for score in resampled]),
        {kind: (found[kind], count) for kind, count in sorted(everything.items())},
    )


def _interval(values: Sequence[float | None]) -> tuple[float, float] | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    last = len(known) - 1
    return known[round(_TAIL * last)], known[round((1 - _TAIL) * last)]
