"""Compares the module with Python's parser, on generated and broken input, split anywhere."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.module_readers import READERS, TOKENS, fuzz
from tests.support.envoy_module import document_usage, is_json, request_facts

FUZZING_S = 3.0

texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers().filter(lambda number: not 2**63 <= number < 2**64) | st.floats(
    allow_nan=False, allow_infinity=False
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
cuts = st.lists(st.integers(0, 400), max_size=6)


def cut_within(text: bytes, places: list[int]) -> list[int]:
    return sorted(min(place, len(text)) for place in places)


@given(values, cuts, st.booleans(), st.sampled_from([None, 1]))
def test_every_json_value_is_accepted(value: object, places: list[int], escapes: bool, indent: int | None) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=escapes, indent=indent).encode()
    assert is_json(text, cut_within(text, places))


@given(values, st.integers(0, 400), st.integers(0, 3), st.sampled_from(TOKENS), cuts)
def test_no_text_is_accepted_that_python_refuses(
    value: object, place: int, removed: int, added: bytes, places: list[int]
) -> None:
    text = json.dumps(value).encode()
    broken = text[:place] + added + text[place + removed :]
    if not is_json(broken, cut_within(broken, places)):
        return
    json.loads(broken)


@given(st.dictionaries(st.sampled_from(["model", "stream", "n", "service_tier", "other"]), values, max_size=5), cuts)
def test_facts_equal_the_values_that_python_reads(members: dict[str, Any], places: list[int]) -> None:
    text = json.dumps(members).encode()
    plain = {
        key: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for key, value in members.items()
        if key != "other" and isinstance(value, str | bool | int | float)
    }
    facts = request_facts(text, cut_within(text, places))
    assert facts is not None
    # The compared message formats integers beyond the exact range of doubles like JSON text.
    assert facts == plain


@given(st.dictionaries(st.sampled_from(["usage", "usageMetadata", "other", "a.b", ""]), values, max_size=4), cuts)
def test_usage_is_copied_unchanged(members: dict[str, Any], places: list[int]) -> None:
    text = json.dumps(members).encode()
    facts = document_usage(text, cut_within(text, places))
    for key, name in (("usage", "usage"), ("usageMetadata", "usage_metadata")):
        if isinstance(members.get(key), dict | list):
            assert facts[name] == json.dumps(members[key])


@pytest.mark.parametrize("reader", READERS)
def test_no_input_crashes_the_process_or_is_read_differently_when_split(reader: str) -> None:
    """An out-of-bounds access would crash this process, as it would crash Envoy."""
    assert fuzz(reader, random.randrange(2**32), FUZZING_S) > 100
