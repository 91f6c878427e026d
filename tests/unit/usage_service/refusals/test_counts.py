"""A flood of refused calls takes bounded memory, and no refusal with a known caller is lost silently."""

import datetime as dt

from gateway_core.contract.metadata import RefusedCall
from usage_service.refusals.counts import RefusalCounts, Refused

NOW = dt.datetime(2026, 11, 30, 12, 30, 17, 5, tzinfo=dt.UTC)
MINUTE = NOW.replace(second=0, microsecond=0)


def refused(member: str, organization: str = "acme", reason: str = "rate_limited") -> RefusedCall:
    return RefusedCall(reason, None, organization, member, "key")


def test_calls_of_a_minute_are_added_up() -> None:
    counts = RefusalCounts()
    for _ in range(3):
        counts.note(refused("mia"), NOW)
    counts.note(refused("mia"), NOW + dt.timedelta(minutes=1))
    assert counts.take() == {
        Refused(MINUTE, refused("mia")): 3,
        Refused(MINUTE + dt.timedelta(minutes=1), refused("mia")): 1,
    }
    assert counts.take() == {}


def test_without_a_caller_only_the_reason_counts() -> None:
    counts = RefusalCounts()
    counts.note(RefusedCall("invalid_api_key"), NOW, 5)
    assert (dict(counts.by_reason), counts.take()) == ({"invalid_api_key": 5}, {})


def test_beyond_the_bound_callers_are_one() -> None:
    counts = RefusalCounts(max_rows=10, max_sums=2)
    for number in range(1_000):
        counts.note(refused(f"m{number}", f"o{number % 4}"), NOW)
    taken = counts.take()
    assert len(taken) == 12
    assert sum(taken.values()) + counts.uncounted == 1_000 == counts.by_reason["rate_limited"]
    assert counts.uncounted > 0
    # The bound is that of a minute, not of a second.
    counts.note(refused("another"), NOW)
    assert list(counts.take()) == [] or counts.uncounted
    counts.note(refused("another"), NOW + dt.timedelta(minutes=1))
    assert [one.call for one in counts.take()] == [refused("another")]


def test_what_cannot_be_stored_waits_in_bounded_memory() -> None:
    counts = RefusalCounts(max_rows=3, max_sums=0)
    for minute in range(9):
        counts.note(refused("mia"), NOW + dt.timedelta(minutes=minute))
        counts.put_back(counts.take())
        assert len(counts.take() or {}) <= 3
        counts.put_back({Refused(MINUTE, refused(f"m{number}")): 1 for number in range(3)})
    assert counts.uncounted
