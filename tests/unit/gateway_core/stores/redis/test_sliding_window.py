"""The guarantees of a rate limit for any sequence of times: the production script with a clock that the test sets."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.model.limits.rate_limits import SLICES_PER_WINDOW, RateUnit
from tests.unit.gateway_core.stores.redis.simulated_redis import KEPT_IN, SimulatedRedis

WINDOW_US = 60_000_000
SLICE_US = RateUnit.MINUTE.slice_us
KEY = "counter"

# Pauses from zero to several windows, mostly near critical lengths.
PAUSES_US = st.one_of(
    st.just(0),
    st.integers(0, 3 * SLICE_US),
    st.integers(WINDOW_US - SLICE_US - 2, WINDOW_US + 2 * SLICE_US),
    st.integers(0, 3 * WINDOW_US),
)


def take(redis: SimulatedRedis, limit: int, hits: int = 1) -> tuple[bool, int, int, int]:
    return redis.take((KEY, limit, SLICE_US, hits))[0]


@given(calls=st.lists(st.tuples(PAUSES_US, st.integers(1, 4)), max_size=60), limit=st.integers(0, 12))
def test_no_window_of_the_length_ever_admits_more_than_the_limit(calls: list[tuple[int, int]], limit: int) -> None:
    redis, admitted = SimulatedRedis(), deque[tuple[int, int]]()
    for pause_us, hits in calls:
        redis.now_us += pause_us
        if take(redis, limit, hits)[0]:
            admitted.append((redis.now_us, hits))
        # Check the half-open window (t - W, t] that ends at each call, because no other window can contain more.
        while admitted and admitted[0][0] <= redis.now_us - WINDOW_US:
            admitted.popleft()
        assert sum(count for _, count in admitted) <= limit


@given(calls=st.lists(st.tuples(PAUSES_US, st.integers(1, 4)), max_size=60), limit=st.integers(1, 12))
def test_a_place_is_free_again_at_most_one_slice_late(calls: list[tuple[int, int]], limit: int) -> None:
    redis, admitted = SimulatedRedis(), deque[tuple[int, int]]()
    for pause_us, hits in calls:
        redis.now_us += pause_us
        while admitted and admitted[0][0] <= redis.now_us - WINDOW_US - SLICE_US:
            admitted.popleft()
        fits = take(redis, limit, hits)[0]
        if fits:
            admitted.append((redis.now_us, hits))
        elif hits <= limit:
            assert sum(count for _, count in admitted) + hits > limit


@given(calls=st.lists(st.tuples(PAUSES_US, st.integers(1, 4)), min_size=1, max_size=40), limit=st.integers(1, 8))
def test_a_refused_call_passes_after_the_reported_wait_and_not_before(calls: list[tuple[int, int]], limit: int) -> None:
    redis = SimulatedRedis()
    for pause_us, hits in calls:
        redis.now_us += pause_us
        fits, _, wait_us, _ = take(redis, limit, hits)
        if fits or hits > limit:
            continue
        assert 0 < wait_us <= WINDOW_US + SLICE_US
        refused_at_us = redis.now_us
        redis.now_us = refused_at_us + wait_us - 1
        assert not take(redis, limit, hits)[0]
        redis.now_us = refused_at_us + wait_us
        assert take(redis, limit, hits)[0]


@given(pauses_us=st.lists(PAUSES_US, min_size=1, max_size=40), limit=st.integers(1, 8))
def test_the_whole_limit_is_free_at_the_reported_reset_and_not_before(pauses_us: list[int], limit: int) -> None:
    redis = SimulatedRedis()
    for pause_us in pauses_us:
        redis.now_us += pause_us
        _, _, _, reset_us = take(redis, limit)
    last_us = redis.now_us
    redis.now_us = last_us + reset_us - 1
    assert not take(redis, limit, limit)[0]
    redis.now_us = last_us + reset_us
    assert take(redis, limit, limit)[:2] == (True, 0)


@given(calls=st.lists(st.tuples(PAUSES_US, st.integers(0, 9), st.integers(0, 9)), max_size=40))
@settings(max_examples=60)
def test_a_refused_call_consumes_nothing_anywhere(calls: list[tuple[int, int, int]]) -> None:
    both, only_admitted = SimulatedRedis(), SimulatedRedis()
    for pause_us, limit, other_limit in calls:
        both.now_us += pause_us
        only_admitted.now_us += pause_us
        demands = (("member", limit, SLICE_US, 1), ("key", other_limit, SLICE_US, 1))
        if all(fits for fits, *_ in both.take(*demands)):
            only_admitted.take(*demands)
        probe = (("member", 100, SLICE_US, 0), ("key", 100, SLICE_US, 0))
        assert both.take(*probe) == only_admitted.take(*probe)


def test_remaining_counts_down_to_zero() -> None:
    redis = SimulatedRedis()
    assert [take(redis, 3)[:2] for _ in range(4)] == [(True, 2), (True, 1), (True, 0), (False, 0)]


def test_a_call_with_zero_hits_consumes_nothing() -> None:
    redis = SimulatedRedis()
    take(redis, 2)
    assert [take(redis, 2, hits=0)[:2] for _ in range(5)] == [(True, 1)] * 5
    take(redis, 2)
    assert take(redis, 2, hits=0)[:2] == (False, 0)


def test_a_limit_of_zero_and_a_call_above_the_limit_never_pass() -> None:
    redis = SimulatedRedis()
    assert take(redis, 0)[::2] == (False, -1)
    assert take(redis, 5, hits=6)[::2] == (False, -1)


def test_a_raised_or_lowered_limit_applies_to_the_next_call() -> None:
    redis = SimulatedRedis()
    for _ in range(3):
        take(redis, 3)
    assert not take(redis, 3)[0]
    assert take(redis, 5)[:2] == (True, 1)
    assert not take(redis, 2)[0]


@given(pauses_us=st.lists(PAUSES_US, max_size=200))
@settings(max_examples=40)
def test_a_counter_has_a_bounded_size_and_expires(pauses_us: list[int]) -> None:
    redis = SimulatedRedis()
    for pause_us in pauses_us:
        redis.now_us += pause_us
        take(redis, 1_000_000)
        assert len(redis.hashes[KEY]) <= SLICES_PER_WINDOW + 1 + 3
        assert redis.expiries_us[KEY] - redis.now_us <= WINDOW_US + 2 * SLICE_US
    redis.now_us += WINDOW_US + 2 * SLICE_US
    redis.take(("another", 1, SLICE_US, 1))
    assert KEY not in redis.hashes


def test_hits_outside_the_window_leave_the_counter() -> None:
    redis = SimulatedRedis()
    for _ in range(5 * SLICES_PER_WINDOW):
        redis.now_us += SLICE_US
        take(redis, 1_000_000)
    assert len(redis.hashes[KEY]) == SLICES_PER_WINDOW + 1 + 3


@given(
    calls=st.lists(st.tuples(PAUSES_US, st.sampled_from([0, 0, 1, SLICE_US, WINDOW_US, 60 * WINDOW_US])), max_size=60),
    limit=st.integers(1, 6),
)
def test_a_clock_that_is_set_back_admits_nothing_beyond_the_limit(calls: list[tuple[int, int]], limit: int) -> None:
    redis, true_time_us, admitted = SimulatedRedis(), 0, deque[int]()
    for pause_us, set_back_us in calls:
        true_time_us += pause_us
        redis.now_us += pause_us - set_back_us
        if take(redis, limit)[0]:
            admitted.append(true_time_us)
        while admitted and admitted[0] <= true_time_us - WINDOW_US:
            admitted.popleft()
        assert len(admitted) <= limit


@given(pauses_us=st.lists(PAUSES_US, max_size=20), set_back_us=st.integers(0, 100 * WINDOW_US), limit=st.integers(1, 6))
def test_a_clock_that_is_set_back_blocks_for_two_windows_at_most(
    pauses_us: list[int], set_back_us: int, limit: int
) -> None:
    redis = SimulatedRedis()
    for pause_us in [*pauses_us, 0]:
        redis.now_us += pause_us
        take(redis, limit)
    redis.now_us -= set_back_us
    take(redis, limit)
    redis.now_us += 2 * WINDOW_US + 2 * SLICE_US
    assert take(redis, limit, limit)[0]


@pytest.mark.parametrize("set_back_slices", [1, SLICES_PER_WINDOW // 2, SLICES_PER_WINDOW, 3 * SLICES_PER_WINDOW])
def test_a_clock_that_is_set_back_leaves_no_count_behind_in_a_busy_counter(set_back_slices: int) -> None:
    redis = SimulatedRedis()
    take(redis, 1_000)
    redis.now_us -= set_back_slices * SLICE_US
    for _ in range(5 * SLICES_PER_WINDOW):
        _, remaining, _, _ = take(redis, 1_000)
        redis.now_us += SLICE_US
    assert remaining == 1_000 - (SLICES_PER_WINDOW + 1)


@pytest.mark.parametrize("unit", RateUnit)
def test_slices_divide_every_window_exactly(unit: RateUnit) -> None:
    assert unit.slice_us * SLICES_PER_WINDOW == unit.value * 1_000_000


@given(
    rounds=st.lists(
        st.tuples(PAUSES_US, st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), min_size=1, max_size=6)),
        max_size=15,
    ),
    limit=st.integers(0, 8),
)
def test_calls_in_one_command_are_counted_as_if_separate(
    rounds: list[tuple[int, list[tuple[str, int]]]], limit: int
) -> None:
    """Seen to fail when a counter is read again for each call of a command."""
    together, alone = SimulatedRedis(), SimulatedRedis()
    for pause_us, calls in rounds:
        together.now_us += pause_us
        alone.now_us += pause_us
        asked = [[(name, limit, SLICE_US, hits)] for name, hits in calls]
        assert together.take_calls(*asked) == [alone.take(*call)[0] for call in asked]
        assert together.hashes == alone.hashes


def test_a_repeated_question_gets_the_first_decision_and_is_not_counted() -> None:
    redis = SimulatedRedis()
    demand = (KEY, 2, SLICE_US, 1)

    def ask(*call_ids: str) -> list[tuple[bool, int, int, int]]:
        return redis.take_calls(*[[demand]] * len(call_ids), call_ids=call_ids)

    first, second, (refused,) = ask("a"), ask("b"), ask("c")
    assert [answer[0][:2] for answer in (first, second, (refused,))] == [(True, 1), (True, 0), (False, 0)]
    redis.now_us += 4_999_999
    assert [answer[:2] for answer in ask("a", "b", "a", "d")] == [(True, 0)] * 3 + [(False, 0)]
    assert ask("c") == [refused]  # with the same wait
    assert redis.take(demand)[0][0] is False
    redis.now_us += 2 * 5_000_000
    assert ask("a")[0][0] is False  # forgotten
    redis.now_us += 2 * WINDOW_US
    assert ask("c")[0][:2] == (True, 1)
    assert [name for name in redis.hashes if name in KEPT_IN and redis.hashes[name].keys() - {"c"}] == []


def test_the_memory_of_decisions_is_bounded() -> None:
    redis = SimulatedRedis()
    demand = (KEY, 10**6, SLICE_US, 1)
    for start in range(0, 21_000, 50):
        redis.take_calls(*[[demand]] * 50, call_ids=[f"call-{start + number}" for number in range(50)])
    assert sum(len(redis.hashes.get(name, {})) for name in KEPT_IN) == 20_000
    assert redis.take_calls([demand], call_ids=["call-1"])[0][1] == 10**6 - 21_000  # still known
    assert redis.take_calls([demand], call_ids=["call-20999"])[0][1] == 10**6 - 21_001  # counted again
