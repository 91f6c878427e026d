"""The mock provider answers Azure's client at the path of a deployment, and wants the version of the API."""

import hashlib

import openai
import pytest

from tests.support.servers.mock_process import MockProcess

MESSAGES = [{"role": "user", "content": "Hello"}]


def test_azures_client_is_answered(mock: MockProcess) -> None:
    client = openai.AzureOpenAI(azure_endpoint=mock.url, api_key="the key", api_version="2024-10-21", max_retries=0)
    answer = client.chat.completions.create(model="gpt-4o-eu", messages=MESSAGES)
    assert answer.choices[0].message.content
    [call] = mock.calls()
    assert call["path"] == "/openai/deployments/gpt-4o-eu/chat/completions"
    assert call["credentials"] == [{"header": "api-key", "sha256": hashlib.sha256(b"the key").hexdigest()}]


def test_a_call_without_a_version_is_not_found(mock: MockProcess) -> None:
    client = openai.OpenAI(base_url=f"{mock.url}/openai/deployments/gpt-4o-eu", api_key="the key", max_retries=0)
    with pytest.raises(openai.NotFoundError, match="Resource not found"):
        client.chat.completions.create(model="gpt-4o-eu", messages=MESSAGES)
