"""The facts that the module extracts from a stream of events while it passes."""

import json

import pytest

from tests.support.envoy_module import stream_usage

OPENAI = (
    b'data: {"id":"c1","model":"m","choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n'
    b'data: {"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":3}}\n\ndata: [DONE]\n\n'
)
OPENAI_FACTS = {
    "usage": '{"prompt_tokens":3}', "model": "m", "response_id": "c1", "delivered_bytes": 2, "deltas": 1
}  # fmt: skip
ANTHROPIC = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m1","model":"c","usage":{"input_tokens":5}}}\n\n'
    b'event: ping\ndata: {"type":"ping"}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":1}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":9}}\n\n'
)
ANTHROPIC_FACTS = {
    "usage": '{"output_tokens":9}', "start_usage": '{"input_tokens":5}', "model": "c", "response_id": "m1"
}  # fmt: skip


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(("stream", "facts"), [(OPENAI, OPENAI_FACTS), (ANTHROPIC, ANTHROPIC_FACTS)])
def test_reading_does_not_depend_on_where_the_stream_is_split(
    stream: bytes, facts: dict[str, str], line_end: bytes
) -> None:
    stream = stream.replace(b"\n", line_end)
    assert stream_usage(stream) == facts
    for cut in range(len(stream) + 1):
        assert stream_usage(stream, [cut]) == facts
    assert stream_usage(stream, list(range(1, len(stream)))) == facts


def test_a_stream_of_the_responses_api_is_read() -> None:
    document = {
        "type": "response.completed",
        "response": {"id": "r", "model": "m", "service_tier": "flex", "usage": {"input_tokens": 1}},
    }
    facts = stream_usage(b"data: " + json.dumps(document).encode() + b"\n\n")
    assert facts == {"response_usage": '{"input_tokens": 1}', "model": "m", "service_tier": "flex", "response_id": "r"}


def test_a_gemini_stream_is_read() -> None:
    stream = b'data: {"usageMetadata":{"a":1},"modelVersion":"g","responseId":"r"}\r\n\r\ndata: {"usageMetadata":{"a":2}}\r\n\r\n'
    assert stream_usage(stream) == {"usage_metadata": '{"a":2}', "model": "g", "response_id": "r"}


def test_a_report_that_counts_something_else_is_kept_beside_the_greatest() -> None:
    """Seen to fail while the later report, with a smaller sum, was dropped: its 2,000 tokens were not charged."""
    first, later = '{"input_tokens":5000,"output_tokens":10}', '{"output_tokens":2000}'
    stream = f'data: {{"usage":{first}}}\n\ndata: {{"usage":{{"output_tokens":20}}}}\n\ndata: {{"usage":{later}}}\n\n'
    assert stream_usage(stream.encode()) == {"usage": first, "other_usage": later}


def test_a_report_that_a_greater_one_lacks_is_kept_beside_it() -> None:
    stream = b'data: {"usage":{"input_tokens":"7"}}\n\ndata: {"usage":{"output_tokens":2000}}\n\n'
    assert stream_usage(stream) == {"usage": '{"output_tokens":2000}', "other_usage": '{"input_tokens":"7"}'}


@pytest.mark.parametrize(
    "later", ['{"a":2,"b":{"c":3}}', '{"a":"3","b":{"c":4.0},"d":1}', '{"b":{"a":9,"c":9},"a":1,"e":[{"a":1}]}']
)
def test_a_report_that_grew_replaces_the_earlier_one(later: str) -> None:
    stream = f'data: {{"usage":{{"a":2,"b":{{"c":3}}}}}}\n\ndata: {{"usage":{later}}}\n\n'
    assert stream_usage(stream.encode()) == {"usage": later}


TEXT = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
USED = b'data: {"usage":{"a":1}}\n\n'


@pytest.mark.parametrize(
    ("stream", "is_covered"),
    [
        (TEXT + USED, True),
        (USED + TEXT, False),
        (USED + TEXT + USED, True),
        (TEXT + USED + TEXT, False),
        (USED + TEXT + b'data: {"usage":{"a":0}}\n\n', False),
        (USED + TEXT + b'data: {"usage":null}\n\n', False),
        (b'data: {"choices":[{"delta":{"content":"hi"}}],"usage":{"a":1}}\n\n', True),
        (TEXT, True),
    ],
)
def test_text_after_the_last_report_is_noted(stream: bytes, *, is_covered: bool) -> None:
    """Seen to fail: a stream that reported one token at its start, and none later, cost one token."""
    assert stream_usage(stream).get("text_after_usage", False) != is_covered


def test_facts_of_a_truncated_stream_are_kept() -> None:
    assert stream_usage(ANTHROPIC[: ANTHROPIC.index(b"event: ping") + 20]) == {
        "start_usage": '{"input_tokens":5}', "model": "c", "response_id": "m1"
    }  # fmt: skip


def test_a_truncated_event_is_ignored() -> None:
    assert stream_usage(b'data: {"usage":{"a":1},"model":"m"') == {}


def test_an_event_that_lacks_only_its_blank_line_counts() -> None:
    assert stream_usage(b'data: {"usage":{"a":1}}') == {"usage": '{"a":1}'}


def test_several_data_lines_are_one_document() -> None:
    assert stream_usage(b'data:{"usage":\ndata:{"a":\ndata:1}}\n\n') == {"usage": '{"a":\n1}'}


def test_lines_other_than_data_are_ignored() -> None:
    assert stream_usage(b': {"usage":{}}\nid: {"usage":{}}\nxdata: {"usage":{}}\ndatax: {"usage":{}}\n\n') == {}


def test_an_event_that_is_not_an_object_does_not_affect_others() -> None:
    assert stream_usage(b'data: [1\n\ndata: {\n\ndata: "x"\n\ndata: {"usage":{}} x\n\ndata: {"usage":{"b":1}}\n\n') == {
        "usage": '{"b":1}'
    }


def test_the_type_of_an_error_is_extracted_but_not_its_message() -> None:
    stream = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"secret"}}\n\n'
    assert stream_usage(stream) == {"error.type": "overloaded_error"}
    assert stream_usage(b'data: {"response":{"error":{"message":"secret"}}}\n\n') == {"response_error.present": True}


def test_an_event_of_any_size_is_read() -> None:
    assert stream_usage(b'data: {"x":"' + b"x" * (12 * 1024 * 1024) + b'","usage":{"a":1}}\n\n') == {"usage": '{"a":1}'}
