"""Compares the module with Python's parser, on generated and broken input, split anywhere."""

import json
import random
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.envoy_module import document_usage, is_json, request_facts, rewrite, shown, stream_usage

SEEDS = [
    b'{"model":"m","stream":true,"stream_options":{"include_usage":false},"n":1,"messages":[{"role":"user","content":"\\u00e9\\n"}]}',
    b'{"generationConfig":{"candidateCount":2,"maxOutputTokens":5},"contents":[{"parts":[{"text":"\xf0\x9f\x98\x80"}]}]}',
    b'{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":3,"x":[1,{}]},"error":{"type":"t","code":429}}',
    b'data: {"choices":[],"usage":{"a":1}}\n\ndata: {"response":{"usage":{},"error":{"code":"x"}}}\r\n\r\nevent: x\ndata: [1]\n\n',
    (
        b'data: {"choices":[{"delta":{"content":"\\ud83d\\ude00","tool_calls":[{"function":{"arguments":"{\\"a\\":1}"}}]},'
        b'"usage":{"n":"7"}}]}\n\n'
        b'data: {"usage":\ndata: {"n":1.5e3,"service_tier":"x"}}\n\ndata: {"choices":null,"usage":{"n":2}}\n\n'
    ),
    (
        b'[{"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":{"args":{"b":[1,"c"]}}}]},'
        b'"groundingMetadata":{"webSearchQueries":["q"]}}],"usageMetadata":{"t":1}},{"error":{"code":1}}]'
    ),
    (
        b'data: {"type":"response.output_item.done","item":{"type":"web_search_call","action":{"type":"search"}}}\n\n'
        b'data: {"type":"response.completed","response":{"output":[{"type":"file_search_call"}],"tool_usage":{"a":1}}}\n\n'
    ),
]
FUZZING_S = 3.0
TOKENS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r",
    b"data:",
    b"\\ud83d",
    b"\xf0\x9f",
    b"1e9",
    b"null",
    b"[[[[[[",
    b"",
]

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


def mutated(chance: random.Random) -> bytes:
    text = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(0, 8)):
        place = chance.randint(0, len(text))
        text[place : place + chance.choice((0, 0, 1, 2, 40))] = chance.choice((*TOKENS, bytes([chance.randrange(256)])))
    if chance.random() < 0.2:
        del text[chance.randint(0, len(text)) :]
    return bytes(text)


def read_every_way(text: bytes, places: list[int]) -> tuple[Any, ...]:
    """Runs every function of the module on a text. Asserts that the result does not depend on where the text is split."""
    return (
        is_json(text, places),
        request_facts(text, places),
        rewrite(text, served_model="s", inject_include_usage=True, cuts=places),
        document_usage(text, places),
        stream_usage(text, places),
        shown(*(text[first:last] for first, last in zip([0, *places], [*places, len(text)], strict=True))),
    )


def fuzz(seed: int, seconds: float) -> int:
    """Reads broken texts for some seconds, and returns their number."""
    chance, count, ends_s = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < ends_s:
        text = mutated(chance) if chance.random() < 0.9 else chance.randbytes(chance.randint(0, 300))
        places = sorted(chance.randint(0, len(text)) for _ in range(chance.randint(0, 5)))
        assert read_every_way(text, places) == read_every_way(text, []), (text, places)
        count += 1
    return count


def test_no_input_crashes_the_process_or_is_read_differently_when_split() -> None:
    """An out-of-bounds access would crash this process, as it would crash Envoy."""
    assert fuzz(random.randrange(2**32), FUZZING_S) > 100
