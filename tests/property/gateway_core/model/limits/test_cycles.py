"""Periods cover time without gap or overlap, for any clock change of a time zone (fault C9)."""

import functools
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway_core.model.limits.cycles import Cycle, Period, PeriodClock, period_at

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Gaza",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
    "America/Nuuk",
)
CALENDAR_CYCLES = (Cycle.DAILY, Cycle.WEEKLY, Cycle.MONTHLY)
LAST_EPOCH_S = 2**31 - 1
WEEK_S = 7 * 86_400


def offset(zone: ZoneInfo, at: int) -> object:
    return datetime.fromtimestamp(at, zone).utcoffset()


@functools.cache
def clock_changes(zone_name: str) -> tuple[int, ...]:
    """Returns the first instants with a new offset. Misses two changes within a week that cancel out."""
    zone = ZoneInfo(zone_name)
    changes = []
    for before, after in pairwise(range(WEEK_S, LAST_EPOCH_S, WEEK_S)):
        if offset(zone, before) != offset(zone, after):
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == offset(zone, low) else (low, middle)
            changes.append(high)
    return tuple(changes)


@st.composite
def places_in_time(draw: st.DrawFn) -> tuple[ZoneInfo, int]:
    """Generates a time zone and an instant. Half of the instants are near a clock change."""
    name = draw(st.sampled_from(ZONES))
    changes = clock_changes(name)
    near_a_change = draw(st.booleans())
    if changes and near_a_change:
        return ZoneInfo(name), draw(st.sampled_from(changes)) + draw(st.integers(-90_000, 90_000))
    return ZoneInfo(name), draw(st.integers(WEEK_S, LAST_EPOCH_S))


def end_of(period: Period) -> int:
    assert period.end_epoch_s is not None
    return period.end_epoch_s


def local_date(zone: ZoneInfo, at: int) -> date:
    return datetime.fromtimestamp(at, zone).date()


@given(places_in_time(), st.sampled_from(CALENDAR_CYCLES))
@example((ZoneInfo("America/St_Johns"), 1_162_090_800), Cycle.DAILY)  # the second pass of a repeated local date
def test_every_instant_is_in_its_period(place: tuple[ZoneInfo, int], cycle: Cycle) -> None:
    zone, at = place
    assert period_at(cycle, zone, at).contains(at)


@given(places_in_time(), st.sampled_from(CALENDAR_CYCLES))
def test_each_period_starts_where_the_previous_one_ends(place: tuple[ZoneInfo, int], cycle: Cycle) -> None:
    zone, at = place
    period = period_at(cycle, zone, at)
    assert end_of(period_at(cycle, zone, period.start_epoch_s - 1)) == period.start_epoch_s
    assert period_at(cycle, zone, end_of(period)).start_epoch_s == period.end_epoch_s


@given(places_in_time(), st.sampled_from(CALENDAR_CYCLES), st.data())
def test_all_instants_of_a_period_have_the_same_period(
    place: tuple[ZoneInfo, int], cycle: Cycle, data: st.DataObject
) -> None:
    zone, at = place
    period = period_at(cycle, zone, at)
    other = data.draw(st.integers(period.start_epoch_s, end_of(period) - 1))
    assert period_at(cycle, zone, other) == period


@given(places_in_time(), st.sampled_from(CALENDAR_CYCLES))
def test_a_period_starts_with_the_first_occurrence_of_a_local_day(place: tuple[ZoneInfo, int], cycle: Cycle) -> None:
    zone, at = place
    start = period_at(cycle, zone, at).start_epoch_s
    assert local_date(zone, start) > local_date(zone, start - 1)


@given(
    st.sampled_from(ZONES), st.lists(st.tuples(st.sampled_from(Cycle), st.integers(WEEK_S, LAST_EPOCH_S)), max_size=8)
)
def test_a_period_clock_agrees_with_the_calendar(zone_name: str, questions: list[tuple[Cycle, int]]) -> None:
    zone, clock = ZoneInfo(zone_name), PeriodClock()
    for cycle, at in questions:
        for near in (at, at + 1, at - 90_000):
            assert clock.period_at(cycle, zone, near) == period_at(cycle, zone, near)


def test_a_period_clock_keeps_zones_separate() -> None:
    clock = PeriodClock()
    at = 1_750_000_000
    for name in ZONES:
        assert clock.period_at(Cycle.DAILY, ZoneInfo(name), at) == period_at(Cycle.DAILY, ZoneInfo(name), at)


@pytest.mark.parametrize("zone_name", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe"])
def test_the_clock_changes_that_this_suite_tests_exist(zone_name: str) -> None:
    assert len(clock_changes(zone_name)) > 50
