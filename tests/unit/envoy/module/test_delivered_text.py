"""How much delivered text the module counts: what a model wrote, without the format around it."""

import json
from typing import Any

import pytest

from tests.support.envoy_module import document_usage, stream_usage


def chat(**delta: object) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "logprobs": None}]}


def tool_call(arguments: str) -> dict[str, Any]:
    return {"index": 0, "id": "t", "function": {"name": "weather", "arguments": arguments}}


EVENTS = [
    (chat(role="assistant", content=""), 0),
    (chat(content="hello"), 5),
    (chat(content="h\u00e9"), 3),
    (chat(content='\U0001f600\n"'), 6),
    (chat(content=[{"type": "text", "text": "ab"}, {"type": "image", "data": "AAAA"}]), 2),
    (chat(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "abc"}]}]), 3),
    (chat(reasoning_content="abcd"), 4),
    (chat(reasoning="abcd"), 4),
    (chat(reasoning="abcd", reasoning_content="abcd"), 4),
    (chat(refusal="no"), 2),
    (chat(tool_calls=[tool_call('{"a":1}'), tool_call("x")]), 8),
    (chat(tool_calls=[{"custom": {"input": "abc"}}]), 3),
    (chat(function_call={"name": "f", "arguments": "abc"}), 3),
    (chat(audio={"id": "a", "data": "AAAAAAAA", "transcript": "abc"}), 3),
    ({"choices": [{"text": "abc", "logprobs": {"tokens": ["abc"], "top_logprobs": [{"abc": -1.5}]}}]}, 3),
    ({"type": "response.output_text.delta", "delta": "abc", "obfuscation": "xxxx"}, 3),
    ({"delta": "abc", "type": "response.function_call_arguments.delta"}, 3),
    ({"type": "response.output_audio_transcript.delta", "delta": "abc"}, 3),
    ({"type": "response.output_audio.delta", "delta": "AAAA"}, 0),
    ({"delta": "AAAA", "type": "response.audio.delta"}, 0),
    ({"type": "response.output_text.done", "text": "abc"}, 0),
    ({"type": "transcript.text.delta", "delta": "abc"}, 3),
    ({"type": "transcript.text.done", "text": "abc"}, 0),
    ({"text": "abc", "type": "transcript.text.done"}, 0),
    ({"text": "abc", "usage": {"type": "duration", "seconds": 3}}, 3),
    ({"type": "speech.audio.delta", "audio": "AAAA"}, 0),
    ({"type": "response.completed", "response": {"output": [{"content": [{"text": "abc"}]}]}}, 0),
    ({"type": "response.image_generation_call.partial_image", "partial_image_b64": "AAAA"}, 0),
    ({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "abc"}}, 3),
    ({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "abc"}}, 3),
    ({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"a'}}, 3),
    ({"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "AAAA"}}, 0),
    ({"candidates": [{"content": {"parts": [{"text": "abc"}, {"inlineData": {"data": "AAAA"}}]}}]}, 3),
    ({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": [1, "b"]}}}]}}]}, 13),
]


@pytest.mark.parametrize(("event", "size"), EVENTS)
@pytest.mark.parametrize("escapes", [True, False])
def test_the_text_of_an_event_is_counted(event: object, size: int, escapes: bool) -> None:  # noqa: FBT001
    text = b"data: " + json.dumps(event, ensure_ascii=escapes).encode() + b"\n\n"
    for cuts in ([], list(range(1, len(text)))):
        facts = stream_usage(text, cuts)
        assert (facts.get("delivered_bytes", 0), facts.get("deltas", 0)) == (size, int(size > 0))


DOCUMENTS = [
    ({"choices": [{"message": {"content": "abc", "reasoning_content": "de"}}, {"message": {"content": "f"}}]}, 6),
    ({"choices": [{"text": "abc"}]}, 3),
    ({"content": [{"type": "text", "text": "abc"}, {"type": "thinking", "thinking": "de", "signature": "AA"}]}, 5),
    ({"content": [{"type": "tool_use", "name": "f", "input": {"a": "b"}}]}, 9),
    ({"output": [{"type": "message", "content": [{"type": "output_text", "text": "abc"}]}]}, 3),
    ({"output": [{"type": "reasoning", "summary": [{"text": "ab"}]}, {"arguments": "cd"}, {"input": "e"}]}, 5),
    ({"output": [{"type": "image_generation_call", "result": "AAAA"}]}, 0),
    (
        [
            {"candidates": [{"content": {"parts": [{"text": "ab"}]}}]},
            {"candidates": [{"content": {"parts": [{"text": "c"}]}}]},
        ],
        3,
    ),
    ({"data": [{"b64_json": "AAAA", "embedding": [0.5]}]}, 0),
]


@pytest.mark.parametrize(("document", "size"), DOCUMENTS)
def test_the_text_of_a_document_is_counted(document: object, size: int) -> None:
    facts = document_usage(json.dumps(document, indent=2).encode())
    assert (facts.get("delivered_bytes", 0), facts.get("deltas")) == (size, None)


def test_each_event_with_text_counts_as_one_delta() -> None:
    text = b"".join(b"data: " + json.dumps(chat(content=part)).encode() + b"\n\n" for part in ("a", "", "bc"))
    assert stream_usage(text)["deltas"] == 2
    assert stream_usage(text)["delivered_bytes"] == 3


def test_text_before_a_broken_literal_counts_alike_wherever_it_is_cut() -> None:
    document = b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":[ta"b":1}'
    for cut in range(len(document) + 1):
        assert document_usage(document, [cut]) == {"delivered_bytes": 3}
