"""No organization waits for all of another one's calls."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.usage_service.settlement_cases import make_hold, make_report
from usage_service.settlement.entries import Entry, Origin
from usage_service.settlement.queue.fair_queue import FairQueue

REPORT = make_report(make_hold())


def entry_of(organization: str | None, origin: Origin = Origin.STREAM) -> Entry:
    return Entry(replace(REPORT, organization=organization), origin)


def queue_of(**counts: int) -> FairQueue:
    queue = FairQueue(stream_share=10**6)
    for organization, count in counts.items():
        for _ in range(count):
            queue.put(entry_of(organization))
    return queue


def taken_from(queue: FairQueue, at_most: int) -> dict[str | None, int]:
    taken = [entry.report.organization for entry in queue.take(at_most)]
    return {organization: taken.count(organization) for organization in dict.fromkeys(taken)}


def test_a_quiet_organization_is_in_the_next_batch() -> None:
    assert taken_from(queue_of(busy=10_000, quiet=1), 100) == {"busy": 99, "quiet": 1}


def test_busy_organizations_share_a_batch() -> None:
    assert taken_from(queue_of(a=1_000, b=1_000, c=1_000), 300) == {"a": 100, "b": 100, "c": 100}


def test_a_share_that_one_does_not_need_goes_to_the_others() -> None:
    assert taken_from(queue_of(a=1_000, b=3, c=1_000), 303) == {"a": 150, "b": 3, "c": 150}


def test_with_more_organizations_than_entries_of_a_batch_they_take_turns() -> None:
    queue = queue_of(a=2, b=2, c=2)
    assert [taken_from(queue, 2) for _ in range(3)] == [{"a": 1, "b": 1}, {"c": 1, "a": 1}, {"b": 1, "c": 1}]


def test_the_entries_of_an_organization_stay_in_order() -> None:
    queue, entries = FairQueue(stream_share=100), [entry_of("a") for _ in range(5)]
    for entry in entries:
        queue.put(entry)
        queue.put(entry_of("b"))
    taken = [entry for _ in range(5) for entry in queue.take(2) if entry.report.organization == "a"]
    assert [id(entry) for entry in taken] == [id(entry) for entry in entries]


def test_the_stream_has_no_place_beyond_the_share_of_an_organization() -> None:
    queue = FairQueue(stream_share=2)
    for _ in range(2):
        assert queue.has_place_for(entry_of("busy"))
        queue.put(entry_of("busy"))
    assert not queue.has_place_for(entry_of("busy"))
    assert queue.has_place_for(entry_of("quiet"))
    assert queue.has_place_for(entry_of("busy", Origin.JOURNAL))


@given(
    st.lists(st.sampled_from("abcde")),
    st.lists(st.integers(1, 7), min_size=1),
)
def test_nothing_is_lost_or_taken_twice(organizations: list[str], sizes: list[int]) -> None:
    queue, put = FairQueue(stream_share=1), [entry_of(organization) for organization in organizations]
    taken: list[Entry] = []
    for number, entry in enumerate(put):
        queue.put(entry)
        if number % 3 == 2:
            taken += queue.take(sizes[number % len(sizes)])
    while len(queue):
        batch = queue.take(3)
        assert 0 < len(batch) <= 3
        taken += batch
    assert sorted(map(id, taken)) == sorted(map(id, put))


@pytest.mark.parametrize("at_most", [1, 5])
def test_an_empty_queue_has_nothing(at_most: int) -> None:
    assert FairQueue(stream_share=1).take(at_most) == []
