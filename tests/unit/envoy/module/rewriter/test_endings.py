"""The module tells answers that ended by themselves from those that were cut or refused, in the words of each provider."""

import json
from typing import Any

import pytest

from tests.support.envoy_module import ending


def choice(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, **fields}]}


DOCUMENTS = [
    (choice(finish_reason="stop", message={"content": "Yes.", "refusal": None}), "regular"),
    (choice(finish_reason="tool_calls", message={"content": None}), "regular"),
    (choice(finish_reason="length", message={"content": "Ye"}), "length"),
    (choice(finish_reason="model_length", message={"content": "Ye"}), "length"),
    (choice(finish_reason="content_filter", message={"content": ""}), "refused"),
    (choice(finish_reason="stop", message={"content": None, "refusal": "I cannot."}), "refused"),
    (choice(finish_reason="stop", message={"content": "Yes.", "refusal": ""}), "regular"),
    (choice(finish_reason="length", text="Ye"), "length"),
    ({"status": "completed", "incomplete_details": None, "output": []}, "regular"),
    ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
    ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "refused"),
    ({"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]}, "refused"),
    ({"type": "message", "stop_reason": "end_turn"}, "regular"),
    ({"type": "message", "stop_reason": "max_tokens"}, "length"),
    ({"type": "message", "stop_reason": "model_context_window_exceeded"}, "length"),
    ({"type": "message", "stop_reason": "refusal"}, "refused"),
    ({"candidates": [{"finishReason": "STOP"}]}, "regular"),
    ({"candidates": [{"finishReason": "MAX_TOKENS"}]}, "length"),
    ({"candidates": [{"finishReason": "SAFETY"}]}, "refused"),
    ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "refused"),
]
STREAMS = [
    ([choice(delta={"content": "Ye"}, finish_reason=None), choice(delta={}, finish_reason="length")], "length"),
    ([choice(delta={"content": "Yes"}, finish_reason=None), choice(delta={}, finish_reason="stop")], "regular"),
    ([choice(delta={"refusal": "I can"}), choice(delta={"refusal": "not."}, finish_reason="stop")], "refused"),
    (
        [{"type": "message_start", "message": {"stop_reason": None}}, {"delta": {"stop_reason": "max_tokens"}}],
        "length",
    ),
    ([{"response": {"incomplete_details": {"reason": "max_output_tokens"}}}], "length"),
    ([{"candidates": [{}]}, {"candidates": [{"finishReason": "RECITATION"}]}], "refused"),
    ([choice(finish_reason="length"), choice(finish_reason="content_filter"), choice(finish_reason="stop")], "refused"),
]


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS)
def test_a_document_says_how_it_ended(document: dict[str, Any], expected: str) -> None:
    assert ending(json.dumps(document).encode(), is_stream=False) == expected


@pytest.mark.parametrize(("events", "expected"), STREAMS)
def test_of_a_stream_the_worst_end_counts(events: list[dict[str, Any]], expected: str) -> None:
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in events) + "data: [DONE]\n\n"
    assert ending(stream.encode(), is_stream=True) == expected
