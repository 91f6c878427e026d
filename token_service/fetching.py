"""Fetches one token: reads the credential, asks the server, and checks the answer."""

import time
from typing import Final

import httpx

from token_service.answers import Token, token_in
from token_service.problems import Problem, TokenError
from token_service.requests import TokenRequest, request_of
from token_service.sources import TokenSource

_CREDENTIAL_BYTES_MAX: Final = 65_536
_ANSWER_BYTES_MAX: Final = 262_144


class TokenClient:
    """Asks servers for tokens."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """Creates it.

        Args:
            client: with a timeout. It must follow no redirect, because the request contains a secret.
        """
        self._client = client

    async def fetch(self, source: TokenSource) -> Token:
        """Returns a new token.

        Raises:
            TokenError: there is none.
        """
        request = request_of(source.authentication, _credential_of(source), int(time.time()))
        status, body = await self._post(request)
        return token_in(status, body)

    async def _post(self, request: TokenRequest) -> tuple[int, bytes]:
        form = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        body = bytearray()
        try:
            async with self._client.stream("POST", request.url, content=request.form, headers=form) as response:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > _ANSWER_BYTES_MAX:
                        raise TokenError(Problem.REFUSED, "the server answered with more than a token has")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TokenError(Problem.UNREACHABLE, f"the server did not answer ({type(error).__name__})") from None
        return response.status_code, bytes(body)


def _credential_of(source: TokenSource) -> str:
    try:
        with source.credential_file.open("rb") as file:
            content = file.read(_CREDENTIAL_BYTES_MAX + 1)
        text = content.decode().strip()
    except OSError as error:
        raise TokenError(Problem.CREDENTIAL, f"the credential cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise TokenError(Problem.CREDENTIAL, "the credential is not text") from None
    if not text or len(content) > _CREDENTIAL_BYTES_MAX:
        raise TokenError(Problem.CREDENTIAL, "the credential is empty or too long")
    return text
