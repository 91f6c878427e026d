"""Hiding the usage chunk in the stream of a caller who did not request it."""

import json

import pytest

from tests.support.envoy_module import shown

DELTA = b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"hi"}}],"usage":null}\n\n'
USAGE = b'data: {"id":"a","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"


def test_only_the_usage_chunk_is_removed() -> None:
    assert shown(DELTA + DELTA + USAGE + DONE) == DELTA + DELTA + DONE


def test_the_result_does_not_depend_on_where_the_stream_is_split() -> None:
    stream = DELTA + USAGE + DONE
    for cut in range(len(stream)):
        assert shown(stream[:cut], stream[cut:]) == DELTA + DONE
    assert shown(*(stream[i : i + 1] for i in range(len(stream)))) == DELTA + DONE


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end_is_read(line_end: bytes) -> None:
    stream = (DELTA + USAGE + DONE).replace(b"\n", line_end)
    expected = (DELTA + DONE).replace(b"\n", line_end)
    assert shown(stream) == expected
    assert shown(*(stream[i : i + 1] for i in range(len(stream)))) == expected


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[],"prompt_filter_results":[]}\n\n',
        b'data: {"choices":[],"usage":null}\n\n',
        b'data: {"usage":{"prompt_tokens":1},"error":{"message":"x"}}\n\n',
        b'data: {"usage":{"prompt_tokens":1},"error":"x"}\n\n',
        b'data: {"choices":{},"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[],\ndata: "usage":null}\n\n',
        b'data: {"type":"x","nested":{"choices":[],"usage":{}}}\n\n',
        b'data: {"choices":[{"text":"\\"choices\\":[] "}],"usage":{}}\n\n',
        b'data: {"choices":[],"usage":{}} x\n\n',
        b'data: {"choices":[],"usage":{}}\ndata: more\n\n',
        b': "choices":[],"usage":{}\n\n',
        b'x-data: {"choices":[],"usage":{}}\n\n',
        b"data:\n\n",
        b"data: [DONE]\n\n",
        b"\n\n\n",
    ],
)
def test_every_other_event_is_shown(event: bytes) -> None:
    assert shown(DELTA + event + DONE) == DELTA + event + DONE


def test_the_chunk_is_recognized_with_any_spacing() -> None:
    assert shown(b'data:{ "usage" : {"a":{}} , "choices" : [ ] }  \n\n' + DONE) == DONE


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"id":"a","usage":{"prompt_tokens":1}}\n\n',
        b'data: {"id":"a","choices":null,"usage":{"prompt_tokens":1}}\n\n',
        b'data: {"id":"a",\ndata: "choices":[],\ndata: "usage":{"prompt_tokens":1}}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":1}}\nid: 7\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":1}}\ndata\n\n',
    ],
)
def test_every_form_of_the_usage_chunk_is_hidden(event: bytes) -> None:
    for line_end in (b"\n", b"\r\n", b"\r"):
        stream = (DELTA + event + DONE).replace(b"\n", line_end)
        expected = (DELTA + DONE).replace(b"\n", line_end)
        assert shown(stream) == expected
        assert shown(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_an_event_whose_first_lines_were_shown_is_completed() -> None:
    assert shown(b"event: chunk\n" + USAGE + DONE) == b"event: chunk\n\n" + DONE


def test_an_event_too_long_to_be_a_usage_chunk_is_passed_on() -> None:
    long = b'data: {"choices":[{"delta":{"content":"' + b"x" * 100_000
    assert shown(long[:50_000]) == long[:50_000]
    assert shown(long, b'"}}]}\n\n', USAGE, DONE) == long + b'"}}]}\n\n' + DONE


def test_a_last_event_without_a_line_end_is_shown() -> None:
    assert shown(DELTA + b"data: [DONE]") == DELTA + b"data: [DONE]"
    assert shown(DELTA.rstrip()) == DELTA.rstrip()


def test_a_usage_chunk_at_the_end_of_the_stream_is_hidden() -> None:
    assert shown(DELTA + USAGE.rstrip()) == DELTA


def test_each_delta_is_shown_as_soon_as_it_is_complete() -> None:
    assert shown(DELTA[:-2]) == DELTA[:-2]


def test_the_chunk_of_a_long_stream_is_hidden() -> None:
    deltas = b"".join(b"data: " + json.dumps({"choices": [{"delta": str(i)}]}).encode() + b"\n\n" for i in range(5000))
    stream = deltas + USAGE + DONE
    chunks = [stream[i : i + 16_384] for i in range(0, len(stream), 16_384)]
    assert shown(*chunks) == deltas + DONE
