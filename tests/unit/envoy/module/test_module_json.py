"""The module's JSON parser is at least as strict as Python's, and refuses text on which parsers disagree."""

import time

import pytest

from tests.support.envoy_module import is_json, request_facts


@pytest.mark.parametrize(
    "text",
    [
        b"{}", b" [ ] ", b"null", b"true", b"-0.5e+3", b'"\\u00e9\\ud83d\\ude00\\/"', b'{"a":[{},[],"x",1,false]}',
        '{"é":"😀"}'.encode(), b'{"":{"":""}}', b'"\x7f"', b"1e-400", b"0e99999999999",
        b"9223372036854775807", b"-9223372036854775809", b"18446744073709551616", b"1.7976931348623158e308",
    ],
)  # fmt: skip
def test_json_is_accepted(text: bytes) -> None:
    assert is_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"{", b"}", b"[1,]", b'{"a":1,}', b'{"a"}', b"{,}", b"[,1]", b"[1 2]", b'{"a":1 "b":2}', b"{1:2}",
        b'["a":1]',
        b"nul", b"nullx", b"True", b"NaN", b"Infinity", b"-", b"+1", b"01", b"1.", b".5", b"1e", b"1e+", b"--1", b"1-2", b"0x10",
        b"1 2", b"[1]x", b"{}{}", b"/**/1", b"[1]//", b"'a'", b'"a', b'"\\', b'"\\x"', b'"\\u12g4"',
        b'"\x00"', b'"\n"', b"\x00", b"1\x00",
        b"\xef\xbb\xbf1",
    ],
)  # fmt: skip
def test_invalid_json_is_refused(text: bytes) -> None:
    assert not is_json(text)


@pytest.mark.parametrize(
    "text",
    [
        b'"\\ud800"', b'"\\udc00"', b'"\\ud800x"', b'"\\ud800\\n"', b'"\\ud800\\ud800"', b'"\xff"', b'"\xc0\x80"',
        b'"\xe0\x80\x80"',
        b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xf8\x80\x80\x80"', b'"\xe2\x82"', b'"\x80"',
    ],
)  # fmt: skip
def test_text_that_parsers_read_differently_is_refused(text: bytes) -> None:
    assert not is_json(text)


@pytest.mark.parametrize(
    "number",
    [
        b"1e400", b"-1e400", b"1" + b"0" * 309, b"1.7976931348623159e308", b"9223372036854775808", b"18446744073709551615",
    ],
)  # fmt: skip
def test_a_number_that_parsers_read_differently_is_refused_only_where_it_counts(number: bytes) -> None:
    assert is_json(number)
    assert request_facts(b'{"a":' + number + b"}") == {}
    assert request_facts(b'{"n":' + number + b"}") is None


def test_at_most_a_thousand_levels_are_read() -> None:
    assert is_json(b"[" * 1000 + b"]" * 1000)
    assert not is_json(b"[" * 1001 + b"]" * 1001)
    assert not is_json(b"[" * 1_000_000)


def test_an_overlong_number_is_refused() -> None:
    assert is_json(b"0." + b"1" * 1000)
    assert not is_json(b"0." + b"1" * 2000)


def test_reading_does_not_depend_on_where_the_text_is_split() -> None:
    text = '{"model":"é\\ud83d\\ude00\\n","n":-12.5e+2,"stream":true,"x":[null,false,{"a":"\\u00e9"}]}'.encode()
    expected = request_facts(text)
    assert expected == {"model": "é😀\n", "n": -1250.0, "stream": True}
    for first in range(len(text) + 1):
        assert request_facts(text, [first]) == expected
        for second in range(first, len(text) + 1, 7):
            assert request_facts(text, [first, second]) == expected
    assert request_facts(text, list(range(1, len(text)))) == expected


def test_every_truncated_text_is_refused() -> None:
    text = '{"model":"é\\ud83d\\ude00\\n","n":-12.5e+2,"x":[null,false,{"a":"\\u00e9"}]}'.encode()
    assert is_json(text)
    assert not any(is_json(text[:length]) for length in range(len(text)))


LONG_UNITS = {
    "text": b'"' + b"A" * 1000 + b'",',
    "escapes": b'"\\"",',
    "surrogates": b'"\\ud83d\\ude00",',
    "two bytes": '"é",'.encode(),
    "digits": b"1,",
    "large": b"1e308,",
    "small": b"-0.1e-5,",
    "objects": b"{},",
    "nested": b'{"a":[]},',
    "long": b"1" + b"0" * 300 + b",",
    "near the limit of doubles": b"17976931348623157" + b"0" * 292 + b",",
}


@pytest.mark.parametrize("unit", LONG_UNITS.values(), ids=LONG_UNITS.keys())
def test_the_largest_bodies_take_linear_time(unit: bytes) -> None:
    body = b'{"a":[' + unit * (32_000_000 // len(unit)) + b'1],"model":"m"}'
    started_s = time.monotonic()
    assert request_facts(body) == {"model": "m"}
    assert time.monotonic() - started_s < 10  # takes at most half a second; a quadratic algorithm would take hours


def test_a_number_without_end_is_refused_wherever_it_is_cut() -> None:
    """The module keeps a number that is cut, so its length has a bound, which must not depend on the cut."""
    text = b"[" + b"1" * 1_025 + b"]"
    assert {is_json(text, [cut]) for cut in range(len(text) + 1)} == {False}
    assert is_json(b"[" + b"1" * 1_024 + b"]", [500])
