"""The detector reports what is out of the ordinary, once, and is quiet about everything that is not."""

import datetime as dt
import random
from collections.abc import Sequence

import pytest

from gateway_core.model.anomalies.detector import Anomaly, Point, Settings, detect

FIRST = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)  # a Monday
CREDIT = 10**9


def series(amounts: Sequence[float]) -> list[Point]:
    """Returns a series of days with these amounts in credits."""
    return [Point(FIRST + dt.timedelta(days=day), round(amount * CREDIT)) for day, amount in enumerate(amounts)]


def hours(amounts: Sequence[float]) -> list[Point]:
    return [Point(FIRST + dt.timedelta(hours=hour), round(amount * CREDIT)) for hour, amount in enumerate(amounts)]


def days_of(anomalies: Sequence[Anomaly]) -> list[int]:
    return [anomaly.index for anomaly in anomalies]


def usual(days: int, seed: int = 1) -> list[float]:
    """Returns working days of about 10 credits and weekends of about 1."""
    dice = random.Random(seed)
    return [(1.0 if day % 7 >= 5 else 10.0) * dice.lognormvariate(0, 0.3) for day in range(days)]


def test_usual_days_are_quiet() -> None:
    assert [detect(series(usual(365, seed))) for seed in range(20)] == [[]] * 20


def test_a_day_of_fifteen_times_the_usual_amount_is_found_with_what_was_expected() -> None:
    amounts = usual(60)
    amounts[50] = 150.0
    (anomaly,) = detect(series(amounts))
    assert anomaly.index == 50
    assert anomaly.actual == 150 * CREDIT
    assert 8 * CREDIT < anomaly.expected < 12 * CREDIT
    assert anomaly.expected < anomaly.highest_usual < anomaly.actual
    assert anomaly.excess == anomaly.actual - anomaly.expected


def test_the_highest_usual_amount_is_none_and_more_is_an_anomaly() -> None:
    amounts = usual(60)
    amounts[50] = 150.0
    (anomaly,) = detect(series(amounts))
    amounts[50] = anomaly.highest_usual / CREDIT * 0.99
    assert detect(series(amounts)) == []
    amounts[50] = anomaly.highest_usual / CREDIT * 1.01
    assert days_of(detect(series(amounts))) == [50]


def test_an_amount_that_is_usual_on_working_days_is_an_anomaly_on_a_weekend() -> None:
    amounts = usual(60)
    amounts[54] = 20.0
    assert 54 % 7 == 5
    assert days_of(detect(series(amounts))) == [54]
    amounts[54] = 1.0
    amounts[51] = 20.0
    assert detect(series(amounts)) == []


def test_three_days_in_a_row_are_found_where_one_alone_is_not() -> None:
    amounts = usual(60)
    amounts[50] = 50.0
    assert detect(series(amounts)) == []
    amounts[51] = amounts[52] = 50.0
    assert days_of(detect(series(amounts))) == [52]


def test_a_new_series_is_not_judged() -> None:
    amounts = [10.0] * 7 + [1_000.0]
    assert detect(series(amounts)) == []


def test_an_excess_below_the_least_is_not_reported() -> None:
    amounts = [0.0001] * 30 + [0.004]
    assert detect(series(amounts)) == []
    assert days_of(detect(series(amounts), Settings(least_excess=1))) == [30]


def test_an_anomalous_day_is_no_reference_for_later_ones() -> None:
    amounts = usual(60)
    amounts[39] = amounts[52] = 150.0
    assert days_of(detect(series(amounts))) == [39, 52]


def test_a_new_level_is_reported_until_it_has_become_usual() -> None:
    amounts = [10.0] * 42 + [150.0] * 42
    found = days_of(detect(series(amounts)))
    assert found[0] == 42
    assert found == list(range(42, found[-1] + 1)), "one report"
    assert len(found) <= 14


def test_a_batch_is_reported_the_first_time_only() -> None:
    amounts = [1.0] * 365
    for month in range(1, 13):
        amounts[(dt.datetime(2026, month, 28, tzinfo=dt.UTC) - FIRST).days] = 30.0
    (first,) = detect(series(amounts))
    assert first.start == dt.datetime(2026, 1, 28, tzinfo=dt.UTC)


def test_a_theft_a_month_after_another_one_is_no_batch() -> None:
    amounts = [1.0] * 100
    for day in (40, 41, 42, 71, 72, 73):
        amounts[day] = 30.0
    found = days_of(detect(series(amounts)))
    assert {40, 71} <= set(found)


def test_an_anomaly_that_goes_on_after_a_quiet_day_is_not_reported_again() -> None:
    amounts = [1.0] * 60
    amounts[40] = amounts[43] = 30.0
    assert days_of(detect(series(amounts))) == [40]
    amounts[43] = 100.0
    assert days_of(detect(series(amounts))) == [40, 43]


def test_a_sparse_series_is_compared_with_its_active_days() -> None:
    amounts = [5.0 if day % 9 == 0 else 0.0 for day in range(200)]
    assert detect(series(amounts)) == []
    amounts[190] = 60.0
    assert days_of(detect(series(amounts))) == [190]


def test_hours_are_compared_with_the_same_hour() -> None:
    amounts = [20.0 if hour % 24 in range(9, 18) else 0.5 for hour in range(24 * 28)]
    assert detect(hours(amounts), hourly=True) == []
    amounts[24 * 24 + 3] = 20.0  # at night, as much as usual at work
    assert days_of(detect(hours(amounts), hourly=True)) == [24 * 24 + 3]


@pytest.mark.parametrize("seed", range(10))
def test_a_day_is_judged_from_earlier_days_alone(seed: int) -> None:
    dice = random.Random(seed)
    amounts = [amount * (20 if dice.random() < 0.05 else 1) for amount in usual(150, seed)]
    whole = detect(series(amounts))
    for end in range(1, 150, 13):
        assert detect(series(amounts[:end])) == [anomaly for anomaly in whole if anomaly.index < end]


@pytest.mark.parametrize("amounts", [[], [0.0] * 50, [0.0] * 50 + [1.0]])
def test_a_series_without_use_has_no_anomalies(amounts: list[float]) -> None:
    assert detect(series(amounts)) == []
