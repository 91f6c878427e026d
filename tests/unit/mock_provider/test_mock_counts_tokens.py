"""The mock provider counts tokens as the providers do, and uses none."""

import pytest

from tests.support.servers.mock_process import MockProcess

ASK = [{"role": "user", "content": "hello"}]
CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/messages/count_tokens", {"model": "claude-x", "messages": ASK}, "input_tokens"),
        ("/v1/responses/input_tokens", {"model": "gpt-x", "input": "hello"}, "input_tokens"),
        ("/v1beta/models/gemini-x:countTokens", {"contents": CONTENTS}, "totalTokens"),
        (
            "/v1beta/models/gemini-x:countTokens",
            {"generateContentRequest": {"model": "models/gemini-x", "contents": CONTENTS}},
            "totalTokens",
        ),
    ],
)
def test_the_input_is_counted(mock: MockProcess, path: str, body: dict[str, object], field: str) -> None:
    status, answer = mock.post(path, body, input_tokens=12)
    assert (status, answer[field]) == (200, 12)
    assert not any(mock.call()["counts"].values())


def test_anthropic_counts_no_output_limit(mock: MockProcess) -> None:
    body = {"model": "claude-x", "messages": ASK, "max_tokens": 5}
    assert mock.post("/v1/messages/count_tokens", body)[0] == 400


def test_openai_counts_no_streams(mock: MockProcess) -> None:
    status, answer = mock.post("/v1/responses/input_tokens", {"model": "gpt-x", "input": "hello", "stream": True})
    assert (status, answer["error"]["param"]) == (400, "stream")
