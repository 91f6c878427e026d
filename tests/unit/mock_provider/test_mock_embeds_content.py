"""The mock provider embeds content as Google does."""

from typing import Any

import pytest

from tests.support.servers.mock_process import MockProcess

ONE = "/v1beta/models/gemini-x:embedContent"
MANY = "/v1beta/models/gemini-x:batchEmbedContents"
CONTENT = {"parts": [{"text": "hello"}]}
REQUEST = {"model": "models/gemini-x", "content": CONTENT, "outputDimensionality": 8}


def test_one_content_has_one_embedding(mock: MockProcess) -> None:
    status, answer = mock.post(ONE, {"content": CONTENT}, input_tokens=12)
    assert (status, len(answer["embedding"]["values"])) == (200, 3072)
    assert answer["usageMetadata"]["promptTokenCount"] == 12
    assert mock.call()["counts"]["input_uncached"] == 12


def test_a_batch_has_an_embedding_for_each_request(mock: MockProcess) -> None:
    status, answer = mock.post(MANY, {"requests": [REQUEST, REQUEST]}, input_tokens=12)
    assert status == 200
    assert [len(embedding["values"]) for embedding in answer["embeddings"]] == [8, 8]
    assert mock.call()["counts"]["output"] == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ONE, {}),
        (ONE, {"content": "hello"}),
        (MANY, {"requests": []}),
        (MANY, {"requests": [REQUEST | {"model": "models/gemini-y"}]}),
        (MANY, {"requests": [REQUEST] * 101}),
        (ONE, {"content": CONTENT, "outputDimensionality": 0}),
    ],
)
def test_what_google_refuses_is_refused(mock: MockProcess, path: str, body: dict[str, Any]) -> None:
    status, answer = mock.post(path, body)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
