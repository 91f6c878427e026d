"""When an organization looks at the clock again."""

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from usage_service.alerts.claims import Claimed
from usage_service.alerts.looks import next_look

NOON = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)
QUARTER = dt.timedelta(minutes=15)


def claimed(now: dt.datetime, next_look_time: dt.datetime | None = None, organization: str = "acme") -> Claimed:
    return Claimed(
        organization=organization, zone=ZoneInfo("UTC"), sequence=0, head=0, changes_until=None, now=now, audit_sequence=0,
        has_entries=False, audit_head=0, audit_seen=0, has_changes=False, has_refusals=False, looked_until=None,
        has_lags=False, next_look_time=next_look_time,
    )  # fmt: skip


@given(st.text(min_size=1), st.integers(0, 2_000))
def test_it_looks_once_in_each_quarter_of_an_hour_within_five_minutes_of_its_beginning(
    organization: str, seconds: int
) -> None:
    first = next_look(claimed(NOON + dt.timedelta(seconds=seconds), organization=organization), [])
    assert dt.timedelta() < first - (NOON + dt.timedelta(seconds=seconds)) <= QUARTER
    assert 1 <= (first - NOON).total_seconds() % 900 <= 300
    assert next_look(claimed(first, organization=organization), []) == first + QUARTER


def test_it_looks_sooner_if_a_source_asks_for_it() -> None:
    assert next_look(claimed(NOON, NOON + QUARTER), [None, 10.0, 60.0]) == NOON + dt.timedelta(seconds=10)


def test_a_look_that_is_not_due_yet_stays_where_it_is() -> None:
    later = NOON + dt.timedelta(seconds=7)
    assert next_look(claimed(NOON, later), [None, 10.0]) == later
