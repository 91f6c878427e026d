import json

import pytest

from token_service.answers import token_in
from token_service.problems import Problem, TokenError

GOOD = {"access_token": "token-of-an-hour", "expires_in": 3599, "token_type": "Bearer"}


@pytest.mark.parametrize(
    ("changed", "life_s"), [({}, 3599), ({"expires_in": "3599"}, 3599), ({"expires_in": 10**9}, 86_400)]
)
def test_a_token_lives_as_long_as_the_answer_says_but_at_most_a_day(changed: dict[str, object], life_s: int) -> None:
    token = token_in(200, json.dumps(GOOD | changed).encode())
    assert (token.text, token.life_s) == ("token-of-an-hour", life_s)


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": "with\nline"},
        {"access_token": ""},
        {"access_token": None},
        {"token_type": "mac"},
        {"expires_in": 0},
        {"expires_in": None},
        {"expires_in": True},
    ],
)
def test_anything_else_is_no_token(changed: dict[str, object]) -> None:
    with pytest.raises(TokenError) as refused:
        token_in(200, json.dumps(GOOD | changed).encode())
    assert refused.value.problem is Problem.REFUSED


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"error": "s3cret in words"}', b'{"error": ["x"]}'])
def test_what_a_server_says_in_its_own_words_is_not_quoted(body: bytes) -> None:
    with pytest.raises(TokenError, match="status 401") as refused:
        token_in(401, body)
    assert "s3cret" not in str(refused.value)


def test_the_code_of_an_error_is_quoted() -> None:
    with pytest.raises(TokenError, match="invalid_client"):
        token_in(401, b'{"error": "invalid_client", "error_description": "AADSTS7000215"}')
