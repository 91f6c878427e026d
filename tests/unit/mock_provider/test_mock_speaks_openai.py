"""The real OpenAI SDK against the mock provider. The SDK parses exactly what the tally records."""

import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.responses import FunctionToolParam
from pydantic import BaseModel

from tests.support.servers.mock_process import MockProcess, control_headers

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Name three rivers of Europe."}]


@pytest.fixture
def client(mock: MockProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


def test_a_chat_completion_reports_the_tallied_usage(mock: MockProcess, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=MESSAGES,
        extra_headers=control_headers(input_tokens=100, cached_tokens=40, output_tokens=30, reasoning_tokens=10),
    )
    call = mock.call()
    assert answer.usage is not None
    assert answer.usage.model_dump(exclude_none=True) == call["usage"]
    assert call["counts"] == {
        "input_uncached": 60,
        "cache_read": 40,
        "cache_write_5m": 0,
        "cache_write_1h": 0,
        "output": 30,
        "reasoning": 10,
    }
    assert len((answer.choices[0].message.content or "").split()) == call["output_tokens_written"] == 20
    assert (answer.id, call["endpoint"], call["finished"]) == (call["response_id"], "chat_completions", "complete")


def test_a_chat_stream_reports_usage_in_a_last_chunk_without_choices(mock: MockProcess, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    call = mock.call()
    assert all(chunk.usage is None and chunk.choices for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_dump(exclude_none=True) == call["usage"] == call["usage_sent"]
    assert call["usage_reported"] == "complete"


def test_a_chat_stream_without_a_request_for_usage_gets_none(mock: MockProcess, client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    call = mock.call()
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert (call["finished"], call["usage_reported"], call["usage_sent"]) == ("complete", "none", None)
    assert call["counts"]["output"] == call["output_tokens_written"] > 0


def test_the_same_question_has_the_same_answer_and_cost_streamed_or_not(
    mock: MockProcess, client: openai.OpenAI
) -> None:
    whole = client.chat.completions.create(model="gpt-5", messages=MESSAGES)
    stream = client.chat.completions.create(
        model="gpt-5", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    first, second = mock.calls(2)
    assert text == whole.choices[0].message.content
    assert first["usage"] == second["usage"]


def test_every_choice_of_n_is_charged_and_bounded_by_the_limit(mock: MockProcess, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, n=3, max_completion_tokens=5)
    assert [len((choice.message.content or "").split()) for choice in answer.choices] == [5, 5, 5]
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    assert mock.call()["counts"]["output"] == 15


def test_stream_options_without_stream_are_refused(mock: MockProcess, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="only allowed when 'stream' is enabled"):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream_options={"include_usage": True})
    assert mock.call()["finished"] == "failed"


def test_a_legacy_completion_reports_three_totals(mock: MockProcess, client: openai.OpenAI) -> None:
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once upon a time")
    assert answer.usage is not None
    usage = mock.call()["usage"]
    assert answer.usage.model_dump(exclude_none=True) == usage
    assert set(usage) == {"prompt_tokens", "completion_tokens", "total_tokens"}


def test_best_of_is_charged_for_discarded_answers(mock: MockProcess, client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model="gpt-3.5-turbo-instruct", prompt="Once upon a time", n=1, best_of=4, max_tokens=6
    )
    call = mock.call()
    assert len(answer.choices) == 1
    assert (call["counts"]["output"], call["output_tokens_written"]) == (24, 6)


def test_a_legacy_completion_stream_reports_usage_on_request(mock: MockProcess, client: openai.OpenAI) -> None:
    stream = client.completions.create(
        model="gpt-3.5-turbo-instruct", prompt="Once", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_dump(exclude_none=True) == mock.call()["usage"]


def test_a_response_reports_the_tallied_usage(mock: MockProcess, client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model="gpt-5",
        input="Name three rivers.",
        extra_headers=control_headers(cached_tokens=7, cache_write_tokens=9, reasoning_tokens=11),
    )
    call = mock.call()
    assert answer.usage is not None
    assert answer.usage.model_dump(exclude_none=True) == call["usage"]
    assert len(answer.output_text.split()) == call["output_tokens_written"]
    counts = call["counts"]
    assert (counts["cache_read"], counts["cache_write_5m"], counts["reasoning"]) == (7, 9, 11)
    assert answer.usage.input_tokens == counts["input_uncached"] + 16


def test_the_last_event_of_a_response_stream_carries_the_whole_response(
    mock: MockProcess, client: openai.OpenAI
) -> None:
    events = list(client.responses.create(model="gpt-5", input="Name three rivers.", stream=True))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    call = mock.call()
    assert last.type == "response.completed"
    assert last.response.output_text == text
    assert last.response.usage is not None
    assert last.response.usage.model_dump(exclude_none=True) == call["usage"] == call["usage_sent"]


def test_a_response_truncated_by_its_limit_is_incomplete_with_usage(mock: MockProcess, client: openai.OpenAI) -> None:
    last = list(client.responses.create(model="gpt-4o", input="Rivers?", stream=True, max_output_tokens=4))[-1]
    assert last.type == "response.incomplete"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == mock.call()["counts"]["output"] == 4


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings_are_charged_for_input_only(mock: MockProcess, client: openai.OpenAI, encoding: str) -> None:
    answer = client.embeddings.create(
        model="text-embedding-3-small",
        input=["one", "two"],
        encoding_format="float" if encoding == "float" else "base64",
    )
    call = mock.call()
    assert len(answer.data) == 2
    assert answer.usage.model_dump() == call["usage"]
    assert call["counts"]["input_uncached"] == answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    assert call["counts"]["output"] == 0


def test_the_openai_sdk_decodes_embeddings_of_the_requested_size(client: openai.OpenAI) -> None:
    embedding = client.embeddings.create(model="text-embedding-3-large", input="one", dimensions=256).data[0].embedding
    assert len(embedding) == 256
    assert abs(sum(value * value for value in embedding) - 1) < 1e-5


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, openai.AuthenticationError), (429, openai.RateLimitError), (500, openai.InternalServerError)],
)
def test_a_requested_failure_raises_the_matching_sdk_error(
    mock: MockProcess, client: openai.OpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, extra_headers=control_headers(fail=status))
    call = mock.call()
    assert (call["status"], call["finished"], call["counts"]) == (status, "failed", None)


TOOLS: list[ChatCompletionToolParam] = [
    {"type": "function", "function": {"name": "rain", "parameters": {"properties": {"city": {"type": "string"}}}}}
]


class City(BaseModel):
    name: str
    twin: "City | None"


def test_a_demanded_tool_is_called_streamed_and_not(mock: MockProcess, client: openai.OpenAI) -> None:
    completions = client.chat.completions
    answer = completions.create(model="gpt-4o", messages=MESSAGES, tools=TOOLS, tool_choice="required")
    with completions.stream(model="gpt-4o", messages=MESSAGES, tools=TOOLS, tool_choice="required") as events:
        streamed = events.get_final_completion()
    for choice in (answer.choices[0], streamed.choices[0]):
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls or []
        assert call.type == "function"
        assert (call.function.name, call.function.arguments) == ("rain", '{"city": "amber"}')
    assert completions.create(model="gpt-4o", messages=MESSAGES, tools=TOOLS).choices[0].finish_reason == "stop"


def test_a_demanded_tool_is_called_in_a_response(client: openai.OpenAI) -> None:
    tool: FunctionToolParam = {
        "type": "function",
        "name": "rain",
        "parameters": City.model_json_schema(),
        "strict": False,
    }
    with client.responses.stream(model="gpt-5", input="Rain?", tools=[tool], tool_choice="required") as events:
        (streamed,) = events.get_final_response().output
    (called,) = client.responses.create(model="gpt-5", input="Rain?", tools=[tool], tool_choice="required").output
    for item in (streamed, called):
        assert item.type == "function_call"
        assert item.name == "rain"
        assert json.loads(item.arguments)["name"] == "amber"


def test_a_demanded_schema_is_followed(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"kind": {"enum": ["river"]}, "lengths": {"type": "array", "items": {}}}}
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": {"name": "river", "schema": schema}},
    )
    assert json.loads(answer.choices[0].message.content or "") == {"kind": "river", "lengths": ["amber"]}
    assert (
        json.loads(client.responses.parse(model="gpt-5", input="Where?", text_format=City).output_text)["name"]
        == "amber"
    )
