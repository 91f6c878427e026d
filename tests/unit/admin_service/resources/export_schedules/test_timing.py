"""The times of schedules at changes of the clocks, and the periods they export."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from admin_service.resources.export_schedules.timing import Rhythm, exported_period, latest_run, next_run
from gateway_core.model.limits.cycles import Cycle

DAILY = Cycle.DAILY


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("zone", "rhythm", "after", "runs"),
    [
        # Berlin skips 02:00 on March 30, 2025. That day's run is as late as it would have been without the jump.
        ("Europe/Berlin", Rhythm(DAILY, 0, 0, 2), "2025-03-28T12:00", ["2025-03-29T01:00", "2025-03-30T01:00", "2025-03-31T00:00"]),
        # It repeats 02:00 on October 26. Only the first pass counts.
        ("Europe/Berlin", Rhythm(DAILY, 0, 0, 2), "2025-10-25T12:00", ["2025-10-26T00:00", "2025-10-27T01:00"]),
        # Beirut skips midnight.
        ("Asia/Beirut", Rhythm(DAILY, 0, 0, 0), "2025-03-29T12:00", ["2025-03-29T22:00", "2025-03-30T21:00"]),
        # Samoa skipped December 30, 2011.
        ("Pacific/Apia", Rhythm(DAILY, 0, 0, 7), "2011-12-29T00:00", ["2011-12-29T17:00", "2011-12-30T17:00", "2011-12-31T17:00"]),
        ("Asia/Kolkata", Rhythm(Cycle.WEEKLY, 1, 0, 6), "2026-12-02T00:00", ["2026-12-07T00:30", "2026-12-14T00:30"]),
        ("UTC", Rhythm(Cycle.WEEKLY, 7, 0, 0), "2026-12-06T00:00", ["2026-12-13T00:00"]),
        ("UTC", Rhythm(Cycle.MONTHLY, 0, 28, 23), "2027-01-28T23:00", ["2027-02-28T23:00", "2027-03-28T23:00"]),
        ("America/New_York", Rhythm(Cycle.MONTHLY, 0, 1, 6), "2026-12-02T00:00", ["2027-01-01T11:00", "2027-02-01T11:00"]),
    ],
)  # fmt: skip
def test_runs_follow_the_clocks_of_the_zone(zone: str, rhythm: Rhythm, after: str, runs: list[str]) -> None:
    found, instant = [], utc(after)
    for _ in runs:
        instant = next_run(rhythm, ZoneInfo(zone), instant)
        found.append(f"{instant:%Y-%m-%dT%H:%M}")
    assert found == runs
    assert latest_run(rhythm, ZoneInfo(zone), utc(runs[-1])) == utc(runs[-1])


@pytest.mark.parametrize(
    ("zone", "period", "run", "start", "end"),
    [
        ("UTC", Cycle.DAILY, "2026-12-02T06:00", "2026-12-01T00:00", "2026-12-02T00:00"),
        ("UTC", Cycle.WEEKLY, "2026-12-02T06:00", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("UTC", Cycle.MONTHLY, "2026-12-02T06:00", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("UTC", Cycle.MONTHLY, "2026-12-01T00:00", "2026-11-01T00:00", "2026-12-01T00:00"),
        # The day before has 23 hours, or 25.
        ("Europe/Berlin", Cycle.DAILY, "2025-03-31T04:00", "2025-03-29T23:00", "2025-03-30T22:00"),
        ("Europe/Berlin", Cycle.DAILY, "2025-10-27T05:00", "2025-10-25T22:00", "2025-10-26T23:00"),
        # The day before December 31, 2011, was December 29 in Samoa.
        ("Pacific/Apia", Cycle.DAILY, "2011-12-30T17:00", "2011-12-29T10:00", "2011-12-30T10:00"),
    ],
)
def test_a_run_exports_the_whole_period_before_it(zone: str, period: Cycle, run: str, start: str, end: str) -> None:
    assert exported_period(period, ZoneInfo(zone), utc(run)) == (utc(start), utc(end))
