import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest

from admin_service.analytics.query import Granularity
from admin_service.analytics.time_ranges import (
    Piece,
    Source,
    buckets_of,
    first_kept_hour,
    period_of,
    pieces_of,
    previous_range,
    without_dropped_hours,
)

UTC = ZoneInfo("UTC")
ALL = (Source.MONTHS, Source.DAYS, Source.HOURS)
NEVER = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def at(text: str, zone: str = "UTC") -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


def described(pieces: tuple[Piece, ...]) -> list[str]:
    assert all(one.end == other.start for one, other in itertools.pairwise(pieces))
    return [f"{piece.source.name} {piece.start:%m-%dT%H:%M} {piece.end:%m-%dT%H:%M}" for piece in pieces]


def test_a_range_is_cut_into_the_largest_pieces() -> None:
    assert described(pieces_of(UTC, at("2026-01-30T22:30"), at("2026-04-02T01:15"), ALL, NEVER)) == [
        "RECORDS 01-30T22:30 01-30T23:00",
        "HOURS 01-30T23:00 01-31T00:00",
        "DAYS 01-31T00:00 02-01T00:00",
        "MONTHS 02-01T00:00 04-01T00:00",
        "DAYS 04-01T00:00 04-02T00:00",
        "HOURS 04-02T00:00 04-02T01:00",
        "RECORDS 04-02T01:00 04-02T01:15",
    ]


def test_what_is_not_in_days_yet_is_read_by_hours() -> None:
    until = at("2026-02-10T09:00")
    assert described(pieces_of(UTC, at("2026-01-01T00:00"), at("2026-02-10T11:30"), ALL, until)) == [
        "MONTHS 01-01T00:00 02-10T09:00",
        "HOURS 02-10T09:00 02-10T11:00",
        "RECORDS 02-10T11:00 02-10T11:30",
    ]
    assert described(pieces_of(UTC, at("2026-02-10T08:00"), at("2026-02-10T11:00"), ALL, until)) == [
        "HOURS 02-10T08:00 02-10T09:00",
        "HOURS 02-10T09:00 02-10T11:00",
    ]
    assert described(pieces_of(UTC, at("2026-02-09T00:00"), at("2026-02-10T08:30"), ALL, until)) == [
        "DAYS 02-09T00:00 02-10T00:00",
        "HOURS 02-10T00:00 02-10T08:00",
        "RECORDS 02-10T08:00 02-10T08:30",
    ]
    assert described(pieces_of(UTC, until, at("2026-02-12T00:00"), ALL, until)) == ["HOURS 02-10T09:00 02-12T00:00"]


def test_a_range_within_an_hour_is_read_from_the_records() -> None:
    assert described(pieces_of(UTC, at("2026-02-10T09:05"), at("2026-02-10T09:50"), ALL, NEVER)) == [
        "RECORDS 02-10T09:05 02-10T09:50"
    ]


@pytest.mark.parametrize(
    ("zone", "day", "hours", "lengths_minutes"),
    [
        ("Europe/Berlin", "2026-03-29", 23, {60}),
        ("Europe/Berlin", "2026-10-25", 25, {60}),
        ("Asia/Kathmandu", "2026-03-29", 24, {60}),
        # Clocks go back from 2:00 to 1:30, and forward from 2:00 to 2:30: the hour is cut in two, or is half as long.
        ("Australia/Lord_Howe", "2026-04-05", 25, {30, 60}),
        ("Australia/Lord_Howe", "2026-10-04", 24, {30, 60}),
        # Midnight does not exist.
        ("America/Santiago", "2026-09-06", 23, {60}),
    ],
)
def test_a_day_has_the_hours_of_its_clocks(zone: str, day: str, hours: int, lengths_minutes: set[int]) -> None:
    whole = period_of(Granularity.DAY, ZoneInfo(zone), at(f"{day}T12:00", zone))
    buckets = buckets_of(Granularity.HOUR, ZoneInfo(zone), whole.start, whole.end, 100)
    assert buckets is not None
    assert len(buckets) == hours
    assert {(bucket.end - bucket.start).total_seconds() / 60 for bucket in buckets} == lengths_minutes
    # The same from any instant of the hour.
    for bucket in buckets:
        last = bucket.end - dt.timedelta(microseconds=1)
        assert period_of(Granularity.HOUR, ZoneInfo(zone), last) == bucket


def test_buckets_are_cut_to_the_range_and_bounded() -> None:
    start, end = at("2026-02-27T10:30"), at("2026-03-02T01:00")
    buckets = buckets_of(Granularity.MONTH, UTC, start, end, 2)
    assert buckets is not None
    assert [(bucket.start, bucket.end) for bucket in buckets] == [
        (start, at("2026-03-01T00:00")),
        (at("2026-03-01T00:00"), end),
    ]
    assert buckets_of(Granularity.DAY, UTC, start, end, 3) is None
    assert len(buckets_of(Granularity.DAY, UTC, start, end, 4) or ()) == 4


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2026-03-01T00:00", "2026-04-01T00:00", "2026-02-01T00:00"),
        ("2026-01-01T00:00", "2026-04-01T00:00", "2025-10-01T00:00"),
        # Seven local days before, one of which has 23 hours.
        ("2026-03-30T00:00", "2026-04-06T00:00", "2026-03-23T00:00"),
        ("2026-04-06T10:00", "2026-04-06T12:30", "2026-04-06T07:30"),
    ],
)
def test_the_period_before_has_as_many_months_or_days(start: str, end: str, before: str) -> None:
    berlin = "Europe/Berlin"
    found = previous_range(ZoneInfo(berlin), at(start, berlin), at(end, berlin))
    assert (found.start, found.end) == (at(before, berlin), at(start, berlin))


def test_records_stand_in_for_dropped_hours() -> None:
    pieces = pieces_of(UTC, at("2026-01-30T22:00"), at("2026-03-01T02:00"), (Source.DAYS, Source.HOURS), NEVER)
    kept = first_kept_hour(UTC, at("2026-02-01T00:00"))
    assert described(without_dropped_hours(pieces, kept)) == [
        "RECORDS 01-30T22:00 01-31T00:00",
        "DAYS 01-31T00:00 03-01T00:00",
        "HOURS 03-01T00:00 03-01T02:00",
    ]
    hours = pieces_of(UTC, at("2026-01-31T22:00"), at("2026-02-01T02:00"), (Source.HOURS,), NEVER)
    assert described(without_dropped_hours(hours, kept)) == [
        "RECORDS 01-31T22:00 02-01T00:00",
        "HOURS 02-01T00:00 02-01T02:00",
    ]


def test_an_hour_that_began_before_the_kept_ones_is_dropped() -> None:
    zone = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead of UTC
    assert first_kept_hour(zone, at("2026-02-01T00:00")) == at("2026-02-01T00:15")
    assert first_kept_hour(zone, at("2026-02-01T00:15")) == at("2026-02-01T00:15")
