"""A schedule has one time for each of its days, whatever the clocks do."""

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from admin_service.resources.export_schedules.timing import Rhythm, exported_period, latest_run, next_run
from gateway_core.model.limits.cycles import Cycle

ZONES = (
    *("UTC", "Europe/Berlin", "America/Havana", "America/St_Johns", "Asia/Beirut", "Asia/Kolkata", "Africa/Cairo"),
    *("Pacific/Kiritimati", "Australia/Lord_Howe", "America/Nuuk"),
)
HOURS = st.integers(0, 23)
RHYTHMS = st.one_of(
    st.builds(Rhythm, st.just(Cycle.DAILY), st.just(0), st.just(0), HOURS),
    st.builds(Rhythm, st.just(Cycle.WEEKLY), st.integers(1, 7), st.just(0), HOURS),
    st.builds(Rhythm, st.just(Cycle.MONTHLY), st.just(0), st.integers(1, 28), HOURS),
)
PERIODS = st.sampled_from((Cycle.DAILY, Cycle.WEEKLY, Cycle.MONTHLY))
INSTANTS = st.datetimes(dt.datetime(2015, 1, 1), dt.datetime(2060, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001 - naive bounds
LORD_HOWE = dt.datetime(2024, 10, 5, 15, 30, tzinfo=dt.UTC)
"""The clocks of Lord Howe go from 02:00 to 02:30."""


@given(RHYTHMS, st.sampled_from(ZONES), INSTANTS)
@example(Rhythm(Cycle.DAILY, 0, 0, 2), "Australia/Lord_Howe", LORD_HOWE)
def test_each_day_of_a_schedule_has_one_time(rhythm: Rhythm, name: str, start: dt.datetime) -> None:
    zone, days, run = ZoneInfo(name), [], start
    for _ in range(8):
        following = next_run(rhythm, zone, run)
        # Nothing is due between two times, and each is due when it comes.
        assert latest_run(rhythm, zone, following) == following > run
        assert latest_run(rhythm, zone, following - dt.timedelta(microseconds=1)) <= run
        run = following
        days.append(run.astimezone(zone).date())
    expected = [day for day in _days(days[0], days[-1]) if rhythm.includes(day)]
    assert days == expected


@given(RHYTHMS, PERIODS, st.sampled_from(ZONES), INSTANTS)
def test_a_period_is_over_when_it_is_exported(rhythm: Rhythm, period: Cycle, name: str, now: dt.datetime) -> None:
    zone = ZoneInfo(name)
    run = next_run(rhythm, zone, now)
    start, end = exported_period(period, zone, run)
    assert start < end <= run
    # The next period is not over yet: no whole one lies between the end and the run.
    assert exported_period(period, zone, end) == (start, end)
    assert run - end < {Cycle.DAILY: dt.timedelta(days=2), Cycle.WEEKLY: dt.timedelta(days=8)}.get(
        period, dt.timedelta(32)
    )


def _days(first: dt.date, last: dt.date) -> list[dt.date]:
    return [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
