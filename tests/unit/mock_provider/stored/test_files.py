"""The real SDKs of OpenAI and Anthropic upload, retrieve, download and delete files that the mock provider stores."""

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.support.servers.mock_process import MockProcess

CONTENT = b"a,b\n1,2\n"
MEGABYTE = 1024 * 1024


@pytest.fixture
def client(mock: MockProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


def test_a_file_of_openai(client: openai.OpenAI) -> None:
    uploaded = client.files.create(file=("a.csv", CONTENT, "text/csv"), purpose="user_data")
    found = client.files.retrieve(uploaded.id)
    assert (found.filename, found.bytes, found.purpose) == ("a.csv", len(CONTENT), "user_data")
    assert client.files.content(uploaded.id).content == CONTENT
    assert client.files.delete(uploaded.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(uploaded.id)


def test_a_file_of_anthropic(mock: MockProcess) -> None:
    with anthropic.Anthropic(base_url=mock.url, api_key="sk-test", max_retries=0) as client:
        files = client.beta.files
        uploaded = files.upload(file=("a.csv", CONTENT, "text/csv"))
        assert files.retrieve_metadata(uploaded.id).mime_type == "text/csv"
        assert files.download(uploaded.id).read() == CONTENT
        assert files.delete(uploaded.id).id == uploaded.id
        with pytest.raises(anthropic.NotFoundError):
            files.delete(uploaded.id)


def test_the_oldest_file_goes_when_all_are_too_large_together(client: openai.OpenAI) -> None:
    first, second, third = (
        client.files.create(file=(f"{number}.bin", bytes(24 * MEGABYTE), "application/pdf"), purpose="user_data")
        for number in range(3)
    )
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(first.id)
    for kept in (second, third):
        assert client.files.retrieve(kept.id).bytes == 24 * MEGABYTE
        client.files.delete(kept.id)


def test_what_is_no_upload_is_refused(mock: MockProcess) -> None:
    assert mock.post("/v1/files", {"file": "x", "purpose": "user_data"})[0] == 400
