"""The real Google GenAI SDK against the mock provider."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from google import genai
from google.genai import errors, types

from tests.support.servers.mock_process import MockProcess, control_headers

QUESTION = "Name three rivers of Europe."
MODEL = "gemini-2.5-pro"


@contextmanager
def models_of(mock: MockProcess, **controls: int) -> Iterator[genai.models.Models]:
    options = types.HttpOptions(base_url=mock.url, headers=control_headers(**controls))
    with genai.Client(api_key="test", http_options=options) as client:
        yield client.models


def test_thoughts_and_tool_results_are_counted_in_addition(mock: MockProcess) -> None:
    controls = {"input_tokens": 100, "cached_tokens": 30, "output_tokens": 50, "reasoning_tokens": 20}
    with models_of(mock, tool_use_tokens=9, **controls) as models:
        usage = models.generate_content(model=MODEL, contents=QUESTION).usage_metadata
    assert usage is not None
    assert usage.model_dump(by_alias=True, exclude_none=True, mode="json") == mock.call()["usage"]
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (100, 30)
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (30, 20)
    assert (usage.tool_use_prompt_token_count, usage.total_token_count) == (9, 159)
    counts = mock.call()["counts"]
    assert (counts["input_uncached"], counts["cache_read"], counts["output"], counts["reasoning"]) == (79, 30, 50, 20)


def test_every_chunk_of_a_stream_carries_the_usage_so_far(mock: MockProcess) -> None:
    with models_of(mock, chunks=4) as models:
        chunks = list(models.generate_content_stream(model=MODEL, contents=QUESTION))
    call = mock.call()
    usages = [chunk.usage_metadata for chunk in chunks]
    so_far = [usage.candidates_token_count or 0 for usage in usages if usage is not None]
    assert len(so_far) == 4
    assert so_far == sorted(so_far)
    assert usages[-1] is not None
    assert usages[-1].model_dump(by_alias=True, exclude_none=True, mode="json") == call["usage"] == call["usage_sent"]
    assert call["model"] == MODEL


def test_the_same_question_has_the_same_answer_and_cost_streamed_or_not(mock: MockProcess) -> None:
    with models_of(mock) as models:
        whole = models.generate_content(model=MODEL, contents=QUESTION)
        chunks = list(models.generate_content_stream(model=MODEL, contents=QUESTION))
    first, second = mock.calls(2)
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert first["usage"] == second["usage"]


def test_the_output_limit_covers_thoughts_and_candidates(mock: MockProcess) -> None:
    config = types.GenerateContentConfig(max_output_tokens=6, candidate_count=2)
    with models_of(mock) as models:
        answer = models.generate_content(model=MODEL, contents=QUESTION, config=config)
    assert len(answer.candidates or []) == 2
    assert mock.call()["counts"]["output"] == 12


def test_a_stream_without_alt_sse_is_one_json_array(mock: MockProcess) -> None:
    body = json.dumps({"contents": [{"parts": [{"text": QUESTION}]}]}).encode()
    path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent"
    _, headers, answer = mock.request("POST", path, body, control_headers(chunks=3))
    chunks = json.loads(answer)
    assert headers["content-type"].startswith("application/json")
    assert len(chunks) == 3
    assert chunks[-1]["usageMetadata"] == mock.call()["usage"]


def test_a_requested_failure_raises_the_matching_sdk_error(mock: MockProcess) -> None:
    with models_of(mock, fail=500) as models, pytest.raises(errors.ServerError, match="INTERNAL"):
        models.generate_content(model=MODEL, contents=QUESTION)
    assert mock.call()["finished"] == "failed"


def test_contents_without_parts_are_refused_in_the_providers_shape(mock: MockProcess) -> None:
    status, error = mock.post("/v1beta/models/gemini-2.5-pro:generateContent", {"contents": ["x"]})
    assert status == 400
    assert error["error"]["status"] == "INVALID_ARGUMENT"


def test_a_demanded_function_is_called_streamed_and_not(mock: MockProcess) -> None:
    city = types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)})
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="rain", parameters=city)])],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
        ),
    )
    with models_of(mock) as models:
        called = models.generate_content(model=MODEL, contents=QUESTION, config=config)
        (streamed,) = models.generate_content_stream(model=MODEL, contents=QUESTION, config=config)
    for answer in (called, streamed):
        (call,) = answer.function_calls or []
        assert (call.name, call.args) == ("rain", {"city": "amber"})


def test_a_demanded_schema_is_followed(mock: MockProcess) -> None:
    schema = types.Schema(type=types.Type.ARRAY, items=types.Schema(type=types.Type.INTEGER))
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)
    with models_of(mock) as models:
        assert models.generate_content(model=MODEL, contents=QUESTION, config=config).parsed == [1]
