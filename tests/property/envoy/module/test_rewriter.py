"""Compares the rewriter with Python's JSON parser and a simple model of event streams, on generated input."""

import json
import re
from itertools import pairwise
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.envoy_module import Rewritten, rewrite, shown

WATCHED = {
    "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of",
    "candidate_count", "service_tier", "generationconfig", "generation_config",
}  # fmt: skip

texts = st.text(st.characters(codec="utf-8"), max_size=12)
# The module refuses numbers between these, because parsers disagree on their sign.
integers = st.integers().filter(lambda number: not 2**63 <= number < 2**64)
scalars = st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | texts
keys = texts | st.sampled_from(["model", "stream_options", "include_usage", "usage", 'a"b', "\\"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
plain_keys = st.text(st.characters(codec="utf-8", exclude_characters='"\\', min_codepoint=32), max_size=8).filter(
    lambda key: key.lower() not in WATCHED and key not in WATCHED
)
spaces = st.text(" \t\r\n", max_size=3)


@st.composite
def bodies(draw: st.DrawFn, members: dict[str, Any]) -> bytes:
    """Generates an object with `members` and others, in random order, spacing and escaping."""
    others = draw(st.dictionaries(plain_keys, values, max_size=4))
    items = draw(st.permutations(list({**others, **members}.items())))
    escapes = draw(st.booleans())
    written = [
        draw(spaces)
        + json.dumps(key, ensure_ascii=False)
        + draw(spaces)
        + ":"
        + draw(spaces)
        + json.dumps(value, ensure_ascii=escapes)
        + draw(spaces)
        for key, value in items
    ]
    return (draw(spaces) + "{" + (",".join(written) or draw(spaces)) + "}" + draw(spaces)).encode()


def parsed(body: bytes) -> Any:
    return json.loads(body)


@given(st.data(), texts, texts)
def test_only_the_model_changes(data: st.DataObject, model: str, served_model: str) -> None:
    body = data.draw(bodies({"model": model}))
    result = rewrite(body, served_model=served_model)
    assert isinstance(result, Rewritten)
    assert parsed(result.body) == {**parsed(body), "model": served_model}
    assert list(parsed(result.body)) == list(parsed(body))
    assert differs_in_one_place(body, result.body, json.dumps(model), served_model)


def differs_in_one_place(before: bytes, after: bytes, old_text: str, new_value: str) -> bool:
    """Returns whether `after` equals `before` with one occurrence of `old_text` replaced by `new_value` as a JSON string."""
    old_value = json.loads(old_text)
    for match in re.finditer(rb'"(?:[^"\\]|\\.)*"', before, re.DOTALL):
        rest = len(before) - match.end()
        if json.loads(match[0]) != old_value or not after.startswith(before[: match.start()]):
            continue
        if rest <= len(after) - match.start() and after.endswith(before[match.end() :]):
            replaced = after[match.start() : len(after) - rest]
            if replaced.startswith(b'"') and json.loads(replaced) == new_value:
                return True
    return False


# Plain ASCII, because the module also refuses escapes in this object's keys.
stream_options = st.dictionaries(st.text("abcxyz_-. ", max_size=6), values, max_size=3)


@given(st.data(), stream_options, st.sampled_from([True, False, None, "absent"]))
def test_only_include_usage_changes(data: st.DataObject, options: dict[str, Any], include: object) -> None:
    if include != "absent":
        options = {**options, "include_usage": include}
    body = data.draw(bodies({"model": "m", "stream": True, "stream_options": options}))
    result = rewrite(body, inject_include_usage=True)
    assert isinstance(result, Rewritten)
    assert parsed(result.body) == {**parsed(body), "stream_options": {**options, "include_usage": True}}
    assert result.is_usage_injected == (include is not True)


@given(bodies({"model": "m", "stream": True}))
def test_absent_stream_options_are_added_without_other_changes(body: bytes) -> None:
    result = rewrite(body, inject_include_usage=True)
    assert isinstance(result, Rewritten)
    added = b'"stream_options":{"include_usage":true},'
    assert result.body.count(added) - body.count(added) == 1
    opening = body.index(b"{") + 1
    assert result.body == body[:opening] + added + body[opening:]


@given(bodies({"model": "m"}), st.data())
def test_a_truncated_body_is_never_accepted(body: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(body.rstrip()) - 1))
    assert not isinstance(rewrite(body[:cut]), Rewritten)


@given(bodies({"model": "m"}), st.data())
def test_no_body_is_accepted_that_python_reads_differently(body: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(body)))
    removed = data.draw(st.integers(0, 3))
    inserted = data.draw(
        st.sampled_from([b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"1", b" ", b'"model":'])
    )
    mutated = body[:position] + inserted + body[position + removed :]
    objects: list[list[tuple[str, Any]]] = []

    def record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        objects.append(pairs)
        return dict(pairs)

    try:
        value = json.loads(mutated, object_pairs_hook=record)
    except ValueError:
        value = None
    assume(isinstance(value, dict))
    result = rewrite(mutated, served_model="s")
    if isinstance(result, Rewritten):
        outermost = objects[-1]
        assert [key for key, _ in outermost].count("model") == 1
        assert json.loads(result.body) == {**value, "model": "s"}


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3}}'
lines = st.sampled_from(
    [
        USAGE,
        b'data:{"usage":{},"choices": [ ]} ',
        b'data: {"choices":[{"delta":{"content":"x"}}],"usage":null}',
        b'data: {"choices":[],"usage":null}',
        b'data: {"usage":{"prompt_tokens":3}}',
        b'data: {"choices":null,"usage":{"prompt_tokens":3}}',
        b'data: {"choices":[],',
        b'data: "usage":{}}',
        b"data: [DONE]",
        b"data: {",
        b"data",
        b"data: ",
        b"event: x",
        b": comment",
        b"}",
        b"",
        b"",
        b"",
    ]
)
line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    end = draw(line_ends)
    return b"".join(line + end for line in draw(st.lists(lines, max_size=14))) + end


def is_usage_chunk(data: list[bytes]) -> bool:
    try:
        value = json.loads(b"\n".join(data))
    except ValueError:
        return False
    return isinstance(value, dict) and not value.get("choices") and isinstance(value.get("usage"), dict)


def expected_of(stream: bytes) -> bytes:
    """Returns the output of the simple model, which splits the whole stream into events."""
    shown_pieces: list[bytes] = []
    event: list[bytes] = []
    for piece in re.findall(rb"[^\r\n]*(?:\r\n|\n|\r)", stream):
        event.append(piece)
        if piece.rstrip(b"\r\n"):
            continue
        data = [line.rstrip(b"\r\n")[5:] for line in event if line.startswith(b"data:")]
        if data and is_usage_chunk(data):
            first = next(index for index, line in enumerate(event) if line.startswith(b"data:"))
            event = [*event[:first], piece] if first else []
        shown_pieces += event
        event = []
    return b"".join(shown_pieces)


@given(streams(), st.data())
def test_a_stream_split_anywhere_has_the_same_output(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    bounds = [0, *cuts, len(stream)]
    chunks = [stream[start:stop] for start, stop in pairwise(bounds)]
    assert shown(*chunks) == expected_of(stream)
