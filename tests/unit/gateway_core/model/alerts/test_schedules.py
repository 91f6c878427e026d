"""When alerts are sent: quiet hours and digests follow the wall clock, also when it is changed."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.alerts.schedules import EVERY_DAY, Frequency, QuietHours, Schedule, next_digest

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
NIGHT = QuietHours(22 * 60, 7 * 60, EVERY_DAY, BERLIN)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"]
)
SPANS = st.builds(
    QuietHours,
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.frozensets(st.integers(0, 6), min_size=1),
    ZONES.map(ZoneInfo),
)
MOMENTS = st.integers(1_704_067_200, 1_830_297_600).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC))


def at(text: str, zone: ZoneInfo = BERLIN) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-06-10 21:59:59", None),
        ("2026-06-10 22:00", "2026-06-11 07:00"),
        ("2026-06-11 06:59:59", "2026-06-11 07:00"),
        ("2026-06-11 07:00", None),
        ("2026-03-28 23:00", "2026-03-29 07:00"),
        ("2026-10-24 23:00", "2026-10-25 07:00"),
    ],
)
def test_a_night_ends_at_its_time_on_the_wall(now: str, end: str | None) -> None:
    assert NIGHT.end_after(at(now)) == (end and at(end))


def test_a_night_in_which_the_clock_is_changed_is_an_hour_shorter_or_longer() -> None:
    hours = [
        (NIGHT.end_after(at(start)) - at(start).astimezone(dt.UTC)).total_seconds() / 3_600  # type: ignore[operator]
        for start in ("2026-03-28 22:00", "2026-10-24 22:00", "2026-06-10 22:00")
    ]
    assert hours == [8, 10, 9]


def test_a_time_that_the_clock_skips_is_the_instant_of_the_change() -> None:
    quiet = replace(NIGHT, start_minute=60, end_minute=2 * 60 + 30)
    assert quiet.end_after(at("2026-03-29 01:30")) == dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC)


def test_quiet_hours_end_at_the_second_of_two_equal_times() -> None:
    quiet = replace(NIGHT, start_minute=60, end_minute=2 * 60 + 30)
    assert quiet.end_after(at("2026-10-25 01:30")) == dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)


def test_a_weekend_of_whole_days_is_one_span() -> None:
    weekend = QuietHours(0, 0, frozenset({5, 6}), BERLIN)
    assert weekend.end_after(at("2026-06-13 10:00")) == at("2026-06-15 00:00")
    assert weekend.end_after(at("2026-06-15 00:00")) is None


def test_another_zone_makes_another_night() -> None:
    assert replace(NIGHT, zone=NEW_YORK).end_after(at("2026-06-10 23:00")) is None
    assert replace(NIGHT, zone=NEW_YORK).end_after(at("2026-06-10 23:00", NEW_YORK)) == at("2026-06-11 07:00", NEW_YORK)


def test_alerts_pass_if_the_rule_says_so() -> None:
    night, now = at("2026-06-10 23:00"), at("2026-06-11 07:00")
    passing = Schedule(quiet_hours=replace(NIGHT, alerts_pass=True))
    assert [passing.time_of(severity, night, BERLIN) for severity in ("ALERT", "WARNING")] == [night, now]
    assert Schedule(quiet_hours=NIGHT).time_of("ALERT", night, BERLIN) == now


@given(SPANS, MOMENTS)
def test_what_is_stored_is_read_back_and_a_span_always_ends_outside(quiet: QuietHours, now: dt.datetime) -> None:
    assert QuietHours.decode(quiet.encode()) == quiet
    end = quiet.end_after(now)
    if end is not None:
        assert now < end <= now + dt.timedelta(days=8)
        assert quiet.end_after(end) is None


@pytest.mark.parametrize(
    ("frequency", "now", "sent"),
    [
        (Frequency.DAILY, "2026-06-10 07:59", "2026-06-10 08:00"),
        (Frequency.DAILY, "2026-06-10 08:00", "2026-06-11 08:00"),
        (Frequency.DAILY, "2026-03-28 09:00", "2026-03-29 08:00"),
        (Frequency.WEEKLY, "2026-06-10 09:00", "2026-06-15 08:00"),
        (Frequency.WEEKLY, "2026-06-15 08:00", "2026-06-22 08:00"),
    ],
)
def test_digests_are_sent_at_eight(frequency: Frequency, now: str, sent: str) -> None:
    assert next_digest(frequency, at(now), BERLIN) == at(sent)


def test_a_digest_waits_for_the_end_of_quiet_hours() -> None:
    late = Schedule(Frequency.DAILY, replace(NIGHT, end_minute=10 * 60))
    assert late.time_of("WARNING", at("2026-06-10 12:00"), BERLIN) == at("2026-06-11 10:00")


@pytest.mark.parametrize(("day", "utc_hour"), [("2026-03-28", 8), ("2026-10-24", 9)])
def test_a_digest_after_a_night_in_which_the_clock_is_changed_is_sent_when_quiet_hours_end(
    day: str, utc_hour: int
) -> None:
    late = Schedule(Frequency.DAILY, replace(NIGHT, end_minute=10 * 60))
    sent = late.time_of("WARNING", at(f"{day} 12:00"), BERLIN)
    following = dt.date.fromisoformat(day) + dt.timedelta(days=1)
    assert sent == dt.datetime(following.year, following.month, following.day, utc_hour, tzinfo=dt.UTC)
