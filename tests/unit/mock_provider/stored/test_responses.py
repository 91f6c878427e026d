"""The real OpenAI SDK retrieves, continues and deletes responses that the mock provider stores."""

from collections.abc import Iterator

import openai
import pytest

from tests.support.servers.mock_process import MockProcess


@pytest.fixture
def client(mock: MockProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


def test_a_response_is_stored_as_it_was_answered(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="gpt-5", input="Name a river.")
    assert client.responses.retrieve(answer.id).output_text == answer.output_text
    (item,) = client.responses.input_items.list(answer.id).data
    assert item.type == "message"
    assert client.responses.create(model="gpt-5", input="Another.", previous_response_id=answer.id).id != answer.id


def test_a_streamed_response_is_stored(client: openai.OpenAI) -> None:
    last = list(client.responses.create(model="gpt-5", input="Name a river.", stream=True))[-1]
    assert last.type == "response.completed"
    assert client.responses.retrieve(last.response.id).output_text == last.response.output_text


def test_a_deleted_response_is_gone(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="gpt-5", input="Name a river.")
    client.responses.delete(answer.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="gpt-5", input="Another.", previous_response_id=answer.id)


def test_a_response_that_ended_cannot_be_canceled(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="gpt-5", input="Name a river.")
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(answer.id)


def test_a_response_is_not_stored_if_the_caller_says_so(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="gpt-5", input="Name a river.", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(answer.id)
