"""The ids that a provider hands out for what it stores, as the module reports them."""

from typing import Any

import pytest

from tests.support.envoy_module import document_usage, stream_usage
from tests.support.servers.scripted_upstream import event

AUDIO = {"id": "audio_1", "transcript": "hi"}


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        ({"output": [{"id": "rs_1", "type": "reasoning"}, {"id": "msg_1"}]}, "item:rs_1\nitem:msg_1"),
        ({"output": [{"id": "ci_1", "container_id": "cntr_1"}]}, "item:ci_1\ncontainer:cntr_1"),
        ({"container": {"id": "container_1", "expires_at": "2026-01-01"}}, "container:container_1"),
        ({"content": [{"content": {"content": [{"file_id": "file_1"}]}}]}, "file:file_1"),
        ({"choices": [{"message": {"audio": AUDIO}}]}, "audio:audio_1"),
    ],
)
def test_the_ids_of_a_document_are_reported(answer: dict[str, Any], ids: str) -> None:
    text = str(answer).replace("'", '"').encode()
    assert document_usage(text)["stored_ids"] == ids
    assert document_usage(text, range(1, len(text)))["stored_ids"] == ids


def test_each_id_of_a_stream_is_reported_once() -> None:
    item = {"id": "ci_1", "type": "code_interpreter_call", "container_id": "cntr_1"}
    stream = b"".join(
        (
            event({"type": "response.output_item.added", "item": item}),
            event({"type": "response.output_item.done", "item": item}),
            event({"type": "response.completed", "response": {"id": "resp_1", "output": [item, {"id": "msg_1"}]}}),
        )
    )
    facts = stream_usage(stream)
    assert (facts["response_id"], facts["stored_ids"]) == ("resp_1", "item:ci_1\ncontainer:cntr_1\nitem:msg_1")


@pytest.mark.parametrize("event_of", ["message_start", "message_delta"])
def test_the_container_of_a_message_is_reported(event_of: str) -> None:
    inner = "message" if event_of == "message_start" else "delta"
    assert stream_usage(event({"type": event_of, inner: {"container": {"id": "c_1"}}}))["stored_ids"] == "container:c_1"


def test_what_no_provider_makes_is_no_id() -> None:
    for identifier in ("", "a b", "a\\nitem:b", "x" * 257, "ü"):
        assert "stored_ids" not in document_usage(f'{{"output":[{{"id":"{identifier}"}}]}}'.encode())


def test_at_most_256_ids_are_reported() -> None:
    items = ",".join(f'{{"id":"msg_{number}"}}' for number in range(300))
    assert len(document_usage(f'{{"output":[{items}]}}'.encode())["stored_ids"].split("\n")) == 256
