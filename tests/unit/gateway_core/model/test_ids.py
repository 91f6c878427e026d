"""Ids are DNS labels. Generated ids sort by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.ids import is_valid_id, make_id

instants_ms = st.integers(0, 2**48 - 1)
randomness = st.binary(min_size=10, max_size=10)


@pytest.mark.parametrize("text", ["a", "a1", "sales-emea", "a" * 63, "a--b"])
def test_a_valid_id_is_accepted(text: str) -> None:
    assert is_valid_id(text)


@pytest.mark.parametrize("text", ["", "1a", "-a", "a-", "A", "a_b", "a" * 64, "a\n", " a", "ä", "а"])  # noqa: RUF001
def test_an_invalid_id_is_refused(text: str) -> None:
    assert not is_valid_id(text)


@given(instants_ms, randomness)
def test_a_generated_id_is_valid(now_ms: int, random: bytes) -> None:
    assert is_valid_id(make_id("hold", now_ms, random))


@given(st.tuples(instants_ms, randomness), st.tuples(instants_ms, randomness))
def test_generated_ids_sort_by_time_then_randomness(one: tuple[int, bytes], other: tuple[int, bytes]) -> None:
    assert (make_id("hold", *one) < make_id("hold", *other)) == (one < other)


@given(instants_ms, randomness, randomness)
def test_all_80_random_bits_are_used(now_ms: int, one: bytes, other: bytes) -> None:
    assert (make_id("key", now_ms, one) == make_id("key", now_ms, other)) == (one == other)
