"""The mock provider makes pictures as OpenAI does."""

from typing import Any

import pytest

from tests.support.servers.mock_process import MockProcess

PATH = "/v1/images/generations"
BODY = {"model": "gpt-image-x", "prompt": "A sea otter"}


def test_each_picture_is_in_the_answer_and_all_are_in_the_usage(mock: MockProcess) -> None:
    status, answer = mock.post(PATH, BODY | {"n": 2}, input_tokens=12, output_tokens=8_000)
    assert (status, len(answer["data"])) == (200, 2)
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (12, 8_000)
    assert mock.call()["counts"]["output"] == 8_000


@pytest.mark.parametrize("body", [{"prompt": "x"}, {"model": "m"}, BODY | {"n": 0}, BODY | {"prompt": ""}])
def test_what_openai_refuses_is_refused(mock: MockProcess, body: dict[str, Any]) -> None:
    assert mock.post(PATH, body)[0] == 400
