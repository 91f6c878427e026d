import datetime as dt

from usage_service.rollups.generations import (
    Generation,
    Ledger,
    State,
    has_hours_to_close,
    rebuilt,
    to_begin,
    to_retire,
)

CURRENT = Generation(1, State.CURRENT, "UTC", 7)
NOON = dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC)


def ledger(*generations: Generation, time_zone: str = "UTC") -> Ledger:
    return Ledger("acme", 10, time_zone, generations)


def test_the_first_generation_is_reported_at_once() -> None:
    assert to_begin(ledger()) == Generation(1, State.CURRENT, "UTC")
    assert to_begin(ledger(CURRENT)) is None


def test_another_time_zone_begins_a_generation_and_ends_one_that_is_too_late() -> None:
    building = Generation(2, State.BUILDING, "Asia/Kolkata")
    assert to_begin(ledger(CURRENT, time_zone="Asia/Kolkata")) == building
    assert to_begin(ledger(CURRENT, building, time_zone="Asia/Kolkata")) is None
    assert to_retire(ledger(CURRENT, building, time_zone="Asia/Kolkata")) is None
    assert to_retire(ledger(CURRENT, building, time_zone="UTC")) == building


def test_a_number_is_not_used_while_rows_have_it() -> None:
    retired = Generation(2, State.RETIRED, "Asia/Kolkata")
    assert to_begin(ledger(CURRENT, retired, time_zone="Europe/Berlin")) == Generation(
        3, State.BUILDING, "Europe/Berlin"
    )


def test_a_rebuild_waits_for_the_first_generation_and_for_another_rebuild() -> None:
    assert rebuilt(ledger()) is None
    assert rebuilt(ledger(CURRENT)) == Generation(2, State.BUILDING, "UTC")
    assert rebuilt(ledger(CURRENT, Generation(2, State.BUILDING, "UTC"))) is None


def test_the_lag_is_that_of_the_reported_generation() -> None:
    assert ledger(CURRENT, Generation(2, State.BUILDING, "UTC", 9)).lag_events == 3
    assert ledger().lag_events == 10


def test_an_hour_is_closed_ten_minutes_after_its_end() -> None:
    generation = Generation(1, State.CURRENT, "UTC", 7, NOON)
    assert not has_hours_to_close(generation, NOON + dt.timedelta(minutes=69))
    assert has_hours_to_close(generation, NOON + dt.timedelta(minutes=70))
