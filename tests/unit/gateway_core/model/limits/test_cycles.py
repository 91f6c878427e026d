"""Days, weeks and months in time zones with clock changes."""

from datetime import UTC, datetime, timedelta
from math import inf, nextafter
from zoneinfo import ZoneInfo

import pytest

from gateway_core.model.limits.cycles import FOREVER, Cycle, period_at


def instant(text: str) -> int:
    """Returns the epoch seconds of an ISO time with an offset."""
    return int(datetime.fromisoformat(text).timestamp())


def hours(cycle: Cycle, zone: str, text: str) -> float:
    period = period_at(cycle, ZoneInfo(zone), instant(text))
    assert period.end_epoch_s is not None
    return (period.end_epoch_s - period.start_epoch_s) / 3600


@pytest.mark.parametrize(
    ("zone", "noon", "length"),
    [
        ("Europe/Berlin", "2025-03-30T12:00+02:00", 23),
        ("Europe/Berlin", "2025-10-26T12:00+01:00", 25),
        ("America/Sao_Paulo", "2018-11-04T12:00-02:00", 23),
        ("America/Sao_Paulo", "2018-02-17T12:00-02:00", 25),
        ("America/Havana", "2025-03-09T12:00-04:00", 23),
        ("America/Havana", "2025-11-02T12:00-05:00", 25),
        ("Africa/Cairo", "2023-04-28T12:00+03:00", 23),
        ("Africa/Cairo", "2023-10-26T12:00+03:00", 25),
        ("Asia/Kolkata", "2025-03-30T12:00+05:30", 24),
        ("Australia/Lord_Howe", "2025-04-06T12:00+10:30", 24.5),
        ("Australia/Lord_Howe", "2025-10-05T12:00+11:00", 23.5),
    ],
)
def test_the_length_of_a_day_includes_its_clock_change(zone: str, noon: str, length: float) -> None:
    assert hours(Cycle.DAILY, zone, noon) == length


@pytest.mark.parametrize(
    ("zone", "noon", "start"),
    [
        ("Asia/Kolkata", "2025-01-01T12:00+05:30", "2025-01-01T00:00+05:30"),
        ("America/Sao_Paulo", "2018-11-04T12:00-02:00", "2018-11-04T01:00-02:00"),
        ("Africa/Cairo", "2023-04-28T12:00+03:00", "2023-04-28T01:00+03:00"),
        ("America/Havana", "2025-11-02T12:00-05:00", "2025-11-02T00:00-04:00"),
    ],
    ids=["plain", "skipped midnight", "skipped midnight in Cairo", "repeated midnight: its first pass"],
)
def test_a_day_starts_at_its_first_instant(zone: str, noon: str, start: str) -> None:
    assert period_at(Cycle.DAILY, ZoneInfo(zone), instant(noon)).start_epoch_s == instant(start)


def test_a_repeated_local_date_ends_with_its_first_pass() -> None:
    """St. John's set its clocks back from 00:01 to 23:01. The minutes before the second midnight belong to Sunday."""
    zone = ZoneInfo("America/St_Johns")
    sunday = period_at(Cycle.DAILY, zone, instant("2006-10-29T12:00-03:30"))
    assert sunday.start_epoch_s == instant("2006-10-29T00:00-02:30")
    assert period_at(Cycle.DAILY, zone, instant("2006-10-28T23:30-03:30")) == sunday
    assert period_at(Cycle.DAILY, zone, instant("2006-10-28T23:30-02:30")).end_epoch_s == sunday.start_epoch_s


def test_a_skipped_day_has_no_length() -> None:
    zone = ZoneInfo("Pacific/Apia")
    before = period_at(Cycle.DAILY, zone, instant("2011-12-29T12:00-10:00"))
    after = period_at(Cycle.DAILY, zone, instant("2011-12-31T12:00+14:00"))
    assert before.end_epoch_s == after.start_epoch_s == instant("2011-12-31T00:00+14:00")
    assert hours(Cycle.WEEKLY, "Pacific/Apia", "2011-12-31T12:00+14:00") == 6 * 24


@pytest.mark.parametrize(
    ("month", "days"),
    [("2024-02", 29), ("2025-02", 28), ("2100-02", 28), ("2000-02", 29), ("2025-04", 30), ("2025-12", 31)],
)
def test_months_have_different_lengths(month: str, days: int) -> None:
    assert hours(Cycle.MONTHLY, "UTC", f"{month}-15T00:00+00:00") == days * 24


@pytest.mark.parametrize("day", ["2025-01-31", "2025-12-31", "2024-02-29"])
def test_a_month_ends_after_its_last_second(day: str) -> None:
    last = instant(f"{day}T23:59:59+00:00")
    month = period_at(Cycle.MONTHLY, ZoneInfo("UTC"), last)
    assert month.contains(last)
    assert month.end_epoch_s == last + 1
    assert not month.contains(last + 1)
    assert period_at(Cycle.MONTHLY, ZoneInfo("UTC"), last + 1).start_epoch_s == last + 1


def test_an_instant_less_than_a_microsecond_before_midnight_is_still_today() -> None:
    midnight = instant("2025-06-02T00:00+02:00")
    assert period_at(Cycle.DAILY, ZoneInfo("Europe/Berlin"), nextafter(midnight, -inf)).end_epoch_s == midnight


def test_weeks_start_on_monday_even_across_years() -> None:
    week = period_at(Cycle.WEEKLY, ZoneInfo("Europe/Berlin"), instant("2026-01-01T12:00+01:00"))
    assert week.start_epoch_s == instant("2025-12-29T00:00+01:00")
    assert week.end_epoch_s == instant("2026-01-05T00:00+01:00")


def test_the_days_of_a_year_add_up_to_the_year() -> None:
    zone = ZoneInfo("America/Havana")
    at, days = instant("2025-01-01T00:00-05:00"), 0
    while datetime.fromtimestamp(at, zone).year == 2025:
        period = period_at(Cycle.DAILY, zone, at)
        assert period.start_epoch_s == at
        assert period.end_epoch_s is not None
        at, days = period.end_epoch_s, days + 1
    assert days == 365


def test_a_budget_without_a_cycle_has_one_period() -> None:
    now = datetime.now(UTC)
    for at in (now, now + timedelta(days=40_000)):
        assert period_at(Cycle.NEVER, ZoneInfo("UTC"), at.timestamp()) is FOREVER
        assert FOREVER.contains(at.timestamp())
