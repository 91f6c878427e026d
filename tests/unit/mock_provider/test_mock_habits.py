"""OpenAI-compatible providers with deviations, selected by the path or the model."""

import json
from typing import Any

import pytest

from mock_provider.routes import Endpoint, habits_of, route
from tests.support.servers.mock_process import MockProcess, control_headers

BODY: dict[str, Any] = {"model": "some-model", "messages": [{"role": "user", "content": "Hello."}]}


@pytest.mark.parametrize(
    ("path", "endpoint", "model"),
    [
        ("/v1/chat/completions", Endpoint.CHAT_COMPLETIONS, None),
        ("/chat/completions", Endpoint.CHAT_COMPLETIONS, None),
        ("/openai/v1/chat/completions", Endpoint.CHAT_COMPLETIONS, None),
        ("/v1beta/openai/chat/completions", Endpoint.CHAT_COMPLETIONS, None),
        ("/v1/completions", Endpoint.COMPLETIONS, None),
        ("/x/y/responses", Endpoint.RESPONSES, None),
        ("/v1/embeddings", Endpoint.EMBEDDINGS, None),
        ("/anthropic/v1/messages", Endpoint.MESSAGES, None),
        ("/google/v1beta/models/gemini-2.5-pro:generateContent", Endpoint.GENERATE_CONTENT, "gemini-2.5-pro"),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", Endpoint.GENERATE_CONTENT, "gemini-2.5-pro"),
    ],
)
def test_any_prefix_before_a_provider_path_is_accepted(path: str, endpoint: Endpoint, model: str | None) -> None:
    found = route(path)
    assert found is not None
    assert (found.endpoint, found.model) == (endpoint, model)


@pytest.mark.parametrize("path", ["/v1/images/variations", "/v1beta/models/x:predict", "/", "/v1/messages/batches"])
def test_other_paths_are_not_found(path: str) -> None:
    assert route(path) is None


def test_an_unknown_path_is_answered_404_and_tallied(mock: MockProcess) -> None:
    assert mock.post("/v1/images/variations", {})[0] == 404
    call = mock.call()
    assert (call["endpoint"], call["status"], call["finished"]) == ("unknown", 404, "failed")


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/mistral/v1/chat/completions", "any"),
        ("/cohere/compatibility/v1/chat/completions", "any"),
        ("/compatibility/v1/chat/completions", "any"),
        ("/v1/chat/completions", "mistral-large-4"),
    ],
)
def test_some_providers_refuse_stream_options(mock: MockProcess, path: str, model: str) -> None:
    body = BODY | {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    status, error = mock.post(path, body)
    assert status == 422
    assert "stream_options" in error["error"]["message"]


def test_some_providers_report_unrequested_usage_in_the_last_choice_chunk(mock: MockProcess) -> None:
    body = json.dumps(BODY | {"stream": True}).encode()
    stream = mock.request("POST", "/mistral/v1/chat/completions", body)[2]
    *_, last, done = (line.removeprefix(b"data: ") for line in stream.split(b"\n\n") if line)
    assert done == b"[DONE]"
    assert json.loads(last)["choices"][0]["finish_reason"] == "stop"
    assert json.loads(last)["usage"] == mock.call()["usage"]


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/xai/v1/chat/completions", "any"),
        ("/v1beta/openai/chat/completions", "any"),
        ("/v1/chat/completions", "grok-4.3"),
    ],
)
def test_some_providers_count_reasoning_only_in_the_total(mock: MockProcess, path: str, model: str) -> None:
    body = json.dumps(BODY | {"model": model}).encode()
    headers = control_headers(input_tokens=10, output_tokens=30, reasoning_tokens=20)
    usage = json.loads(mock.request("POST", path, body, headers)[2])["usage"]
    assert (usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]) == (10, 20)
    assert usage["total_tokens"] == 40
    counts = mock.call()["counts"]
    assert (counts["output"], counts["reasoning"]) == (30, 20)


def test_a_provider_in_the_path_takes_precedence_over_the_model() -> None:
    named = route("/groq/openai/v1/chat/completions")
    assert named is not None
    assert habits_of(named, "mistral-saba-24b").stream_options_accepted
