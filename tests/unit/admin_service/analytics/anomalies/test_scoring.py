"""Events count once, and so do reports of consecutive days."""

import datetime as dt

import pytest

from admin_service.analytics.anomalies.labeled_series import Event
from admin_service.analytics.anomalies.scoring import measure, outcome_of, score_of
from gateway_core.model.anomalies.detector import Point

DAY = dt.timedelta(days=1)


def day(number: int) -> dt.datetime:
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + DAY * (number - 1)


def event(first: int, last: int, kind: str = "theft") -> Event:
    return Event(day(first), day(last + 1) - dt.timedelta(microseconds=1), kind)


def test_an_event_is_found_once_however_many_of_its_days_are_reported() -> None:
    outcome = outcome_of([day(3), day(4)], [event(2, 5)], DAY)
    assert (outcome.found, outcome.missed, outcome.false_alarms) == (1, 0, 0)
    assert outcome.delays == (1.0,)


def test_consecutive_reports_outside_events_are_one_false_alarm() -> None:
    outcome = outcome_of([day(1), day(2), day(9), day(20), day(22)], [event(9, 9)], DAY)
    assert (outcome.found, outcome.false_alarms) == (1, 3)


def test_a_bucket_belongs_to_an_event_that_begins_inside_it() -> None:
    within = Event(day(2).replace(hour=12), day(3), "window")
    assert outcome_of([day(2)], [within], DAY).found == 1
    assert outcome_of([day(1)], [within], DAY).found == 0


def test_a_score_is_of_all_events_and_reports() -> None:
    score = score_of([outcome_of([day(1), day(5)], [event(1, 1)], DAY), outcome_of([], [event(1, 1)], DAY)])
    assert (score.precision, score.recall, score.false_alarms, score.events) == (0.5, 0.5, 1, 2)


def test_nothing_has_no_precision_and_no_recall() -> None:
    score = score_of([outcome_of([], [], DAY)])
    assert (score.precision, score.recall, score.median_delay_days) == (None, None, None)


def test_intervals_hold_the_score_and_are_the_same_in_every_run() -> None:
    series = {f"s{number}": [Point(day(1), number)] for number in range(40)}
    labels = {name: [event(1, 1, "odd" if index % 2 else "even")] for index, name in enumerate(sorted(series))}

    def detector(points: list[Point]) -> list[dt.datetime]:
        return [points[0].start] if points[0].amount % 4 else []

    measured = measure(series, labels, detector, DAY)  # type: ignore[arg-type]
    assert measured == measure(series, labels, detector, DAY)  # type: ignore[arg-type]
    assert measured.score.recall == 0.75
    assert measured.recall_interval is not None
    low, high = measured.recall_interval
    assert 0.5 < low < 0.75 < high < 0.95
    assert measured.precision_interval == pytest.approx((1.0, 1.0))
    assert sum(count for _, count in measured.kinds.values()) == 40
