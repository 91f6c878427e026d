"""The real Anthropic SDK against the mock provider."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic.types import MessageParam

from tests.support.servers.mock_process import MockProcess, control_headers

MESSAGES: list[MessageParam] = [{"role": "user", "content": "Name three rivers of Europe."}]
CACHED = control_headers(
    input_tokens=1000, cached_tokens=400, cache_write_tokens=100, cache_write_1h_tokens=50, reasoning_tokens=20
)


@pytest.fixture
def client(mock: MockProcess) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=mock.url, api_key="sk-ant-test", max_retries=0) as client:
        yield client


def test_input_tokens_exclude_cache_reads_and_writes(mock: MockProcess, client: anthropic.Anthropic) -> None:
    usage = client.messages.create(
        model="claude-opus-5-5", max_tokens=100, messages=MESSAGES, extra_headers=CACHED
    ).usage
    call = mock.call()
    assert usage.model_dump(exclude_none=True) == call["usage"]
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (450, 400, 150)
    assert usage.cache_creation is not None
    assert usage.cache_creation.ephemeral_5m_input_tokens == 100
    assert usage.cache_creation.ephemeral_1h_input_tokens == 50
    assert call["counts"] == {
        "input_uncached": 450,
        "cache_read": 400,
        "cache_write_5m": 100,
        "cache_write_1h": 50,
        "output": usage.output_tokens,
        "reasoning": 20,
    }


def test_a_stream_starts_with_input_usage_and_ends_with_cumulative_output(
    mock: MockProcess, client: anthropic.Anthropic
) -> None:
    events = list(
        client.messages.create(
            model="claude-opus-5-5",
            max_tokens=100,
            messages=MESSAGES,
            stream=True,
            extra_headers=CACHED | control_headers(message_deltas=3),
        )
    )
    counts = mock.call()["counts"]
    starts = [event.message.usage for event in events if event.type == "message_start"]
    deltas = [event.usage for event in events if event.type == "message_delta"]
    assert [start.input_tokens for start in starts] == [counts["input_uncached"]]
    assert starts[0].cache_creation is not None
    assert starts[0].output_tokens < counts["output"]
    assert [delta.output_tokens for delta in deltas] == sorted(delta.output_tokens for delta in deltas)
    assert len(deltas) == 3
    assert deltas[-1].output_tokens == counts["output"]


def test_the_stream_helper_accumulates_the_whole_message(mock: MockProcess, client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="claude-opus-5-5", max_tokens=100, messages=MESSAGES) as stream:
        streamed = stream.get_final_message()
    whole = client.messages.create(model="claude-opus-5-5", max_tokens=100, messages=MESSAGES)
    first, second = mock.calls(2)
    assert streamed.content[0].model_dump()["text"] == whole.content[0].model_dump()["text"]
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert (first["usage"], first["counts"]) == (second["usage"], second["counts"])


def test_output_stops_at_max_tokens(mock: MockProcess, client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model="claude-haiku-4-5", max_tokens=3, messages=MESSAGES)
    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 3)
    assert mock.call()["counts"]["output"] == 3


def test_a_message_without_max_tokens_is_refused_in_the_providers_shape(mock: MockProcess) -> None:
    status, error = mock.post("/v1/messages", {"model": "claude-opus-5-5", "messages": MESSAGES})
    assert status == 400
    assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
    assert "max_tokens" in error["error"]["message"]


def test_an_error_in_the_middle_of_a_stream_raises(mock: MockProcess, client: anthropic.Anthropic) -> None:
    stream = client.messages.create(
        model="claude-opus-5-5",
        max_tokens=100,
        messages=MESSAGES,
        stream=True,
        extra_headers=control_headers(error_body=200),
    )
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        list(stream)
    call = mock.call()
    assert (call["status"], call["finished"], call["usage_reported"]) == (200, "failed", "partial")
    assert call["output_tokens_written"] > 0


def test_a_demanded_tool_is_called_streamed_and_not(client: anthropic.Anthropic) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    demanded: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 500,
        "messages": MESSAGES,
        "tools": [{"name": "snow", "input_schema": {}}, {"name": "rain", "input_schema": schema}],
        "tool_choice": {"type": "tool", "name": "rain"},
    }
    with client.messages.stream(**demanded) as events:
        streamed = events.get_final_message()
    for message in (client.messages.create(**demanded), streamed):
        (block,) = message.content
        assert message.stop_reason == "tool_use"
        assert (block.type, block.name, block.input) == ("tool_use", "rain", {"city": "amber"})


def test_an_answer_without_output_fills_the_cache(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model="claude-haiku-4-5", max_tokens=0, messages=MESSAGES)
    assert message.usage.output_tokens == 0
