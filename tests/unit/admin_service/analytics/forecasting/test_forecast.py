"""Forecasts of the spend of a cycle: what they expect, when they say nothing, and how wide their band is."""

import datetime as dt
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import pytest

from admin_service.analytics.forecasting.forecast import Forecast, History, Rest, State, forecast
from admin_service.analytics.forecasting.reading import rests_until

MONDAY = dt.date(2026, 6, 1)
CREDIT = 10**9
UTC = ZoneInfo("UTC")


def history(days: int, amount: Callable[[dt.date], int], end: dt.date = MONDAY) -> History:
    first = end - dt.timedelta(days=days)
    return History(first, [amount(first + dt.timedelta(days=day)) for day in range(days)])


def rests(days: int, first: dt.date = MONDAY) -> list[Rest]:
    midnights = [dt.datetime.combine(first + dt.timedelta(days=day), dt.time(), dt.UTC) for day in range(days + 1)]
    return [Rest(midnights[day], midnights[day + 1], midnights[day].date(), 1.0) for day in range(days)]


def office(day: dt.date) -> int:
    return 10 * CREDIT if day.weekday() < 5 else 0


def expected(found: Forecast) -> int:
    assert found.expected is not None
    return found.expected


def test_weekends_are_not_taken_for_working_days() -> None:
    past = history(56, office)
    assert expected(forecast(past, 0, rests(7), None)) == pytest.approx(50 * CREDIT, rel=1e-6)
    friday = MONDAY - dt.timedelta(days=3)
    before_the_weekend = history(53, office, friday)
    assert expected(forecast(before_the_weekend, 40 * CREDIT, rests(3, friday), None)) == pytest.approx(
        50 * CREDIT, rel=1e-6
    )


def test_the_first_hours_of_a_cycle_do_not_decide_about_its_end() -> None:
    """A large first call, ten minutes after midnight, is not taken for the pace of the month."""
    past = history(56, office)
    found = forecast(past, 20 * CREDIT, rests(30), None)
    assert expected(found) == pytest.approx(20 * CREDIT + 220 * CREDIT, rel=1e-6)


def test_one_extraordinary_day_hardly_changes_the_forecast() -> None:
    spiked = history(56, office)
    spiked = History(spiked.first, [*spiked.amounts[:-4], 1_000 * CREDIT, *spiked.amounts[-3:]])
    assert 200 * CREDIT < expected(forecast(spiked, 0, rests(30), None)) < 260 * CREDIT


def test_a_new_level_is_followed_within_two_weeks() -> None:
    risen = history(56, lambda day: 10 * CREDIT if day < MONDAY - dt.timedelta(days=14) else 25 * CREDIT)
    assert expected(forecast(risen, 0, rests(30), None)) > 1.6 * 300 * CREDIT


@pytest.mark.parametrize(
    ("amounts", "spent", "budget", "state"),
    [
        ([0] * 56, 0, None, State.NONE),
        ([0] * 50 + [CREDIT] * 6, CREDIT, None, State.EARLY),
        ([0] * 40 + [CREDIT] + [0] * 13 + [CREDIT, 0], 0, None, State.EARLY),
        ([0] * 56, 5 * CREDIT, 10 * CREDIT, State.EARLY),
        ([0] * 56, 11 * CREDIT, 10 * CREDIT, State.EXCEEDED),
        ([CREDIT] * 7, 0, 31 * CREDIT, State.OK),
        ([CREDIT] * 56, 0, None, State.OK),
        ([CREDIT] * 56, 0, 31 * CREDIT, State.OK),
        ([CREDIT] * 56, 0, 29 * CREDIT, State.EXCEEDED),
    ],
)
def test_the_state_says_what_is_known(amounts: Sequence[int], spent: int, budget: int | None, state: State) -> None:
    found = forecast(History(MONDAY - dt.timedelta(days=len(amounts)), amounts), spent, rests(30), budget)
    assert found.state is state
    if found.expected is None:
        assert found.state is not State.OK
        assert (found.low, found.high, found.exhaust_time) == (None, None, None)


def test_the_moment_at_which_the_budget_is_spent_is_named() -> None:
    found = forecast(history(56, office), 0, rests(30), 105 * CREDIT)
    # Five days, a weekend, five days more, and the weekend: the eleventh working day is the third Monday.
    assert found.state is State.EXCEEDED
    assert found.exhaust_time is not None
    assert abs(found.exhaust_time - dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)) < dt.timedelta(minutes=1)
    spent_already = forecast(history(56, office), 106 * CREDIT, rests(5), 105 * CREDIT)
    assert (spent_already.state, spent_already.exhaust_time) == (State.EXCEEDED, None)


def test_the_band_is_wider_for_what_was_irregular() -> None:
    steady = forecast(history(56, lambda _: 10 * CREDIT), 7 * CREDIT, rests(30), None)
    irregular = forecast(
        history(56, lambda day: (day.toordinal() // 7 % 2 * 18 + 1) * CREDIT), 7 * CREDIT, rests(30), None
    )
    for found in (steady, irregular):
        assert found.low is not None
        assert found.high is not None
        assert 7 * CREDIT <= found.low < expected(found) < found.high
    assert irregular.high - irregular.low > 2 * (steady.high - steady.low)  # type: ignore[operator]


def test_nothing_remains_at_the_end() -> None:
    found = forecast(history(56, office), 42, [], 42)
    assert (found.state, found.expected, found.low, found.high) == (State.OK, 42, 42, 42)


def test_only_the_last_weeks_count() -> None:
    recent = history(56, office)
    older = History(recent.first - dt.timedelta(days=30), [10**15] * 30 + list(recent.amounts))
    assert forecast(older, 0, rests(9), None) == forecast(recent, 0, rests(9), None)


def test_the_rest_of_a_day_is_what_its_remaining_hours_usually_spend() -> None:
    by_hour = [0] * 9 + [10] * 8 + [0] * 7
    end = dt.datetime(2026, 6, 3, tzinfo=dt.UTC)
    shares = []
    for hour in (0, 9, 13, 17):
        found = rests_until(end, dt.datetime(2026, 6, 1, hour, tzinfo=dt.UTC), UTC, by_hour)
        assert [one.share for one in found[1:]] == [1.0]
        shares.append(found[0].share)
    assert shares == pytest.approx([1.0, 0.95 + 0.05 * 15 / 24, 0.475 + 0.05 * 11 / 24, 0.05 * 7 / 24])


def test_days_are_those_of_the_zone_also_when_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start, end = (dt.datetime(2026, 10, day, tzinfo=zone) for day in (24, 27))
    found = rests_until(end, start + dt.timedelta(hours=12), zone, [0] * 24)
    assert [one.day for one in found] == [dt.date(2026, 10, day) for day in (24, 25, 26)]
    assert found[1].end.timestamp() - found[1].start.timestamp() == 25 * 3_600
    assert found[0].share == pytest.approx(0.5)
