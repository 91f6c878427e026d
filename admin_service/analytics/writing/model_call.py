"""Asks a language model through the gateway, as any caller would."""

import asyncio
import json
from dataclasses import dataclass
from typing import Final

import aiohttp

_TIMEOUT_S: Final = 30.0
_MAX_ANSWER_BYTES: Final = 256 * 1024
_MAX_OUTPUT_TOKENS: Final = 1_500


class ModelCallError(Exception):
    """The call failed, or its answer is none. The message has no secret and no text of the provider."""


@dataclass(frozen=True, slots=True)
class ModelCaller:
    """Calls models at the gateway's public address."""

    base_url: str
    """Without a path."""

    async def text(self, secret: str, model: str, request: str) -> str:
        """Returns what a model answers to a request.

        Args:
            secret: of the API key that pays.
            model: must serve chat completions.
            request: what it is asked.

        Raises:
            ModelCallError: refused, failed, too slow or too long.
        """
        body = {
            "model": model,
            "messages": [{"role": "user", "content": request}],
            "max_completion_tokens": _MAX_OUTPUT_TOKENS,
        }
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                aiohttp.ClientSession() as session,
                session.post(
                    f"{self.base_url}/v1/chat/completions",
                    json=body,
                    headers={"authorization": f"Bearer {secret}"},
                    allow_redirects=False,
                ) as response,
            ):
                if response.status != 200:
                    raise ModelCallError(f"the gateway answered {response.status}")
                answer = await response.content.read(_MAX_ANSWER_BYTES + 1)
                while len(answer) <= _MAX_ANSWER_BYTES and (more := await response.content.read(_MAX_ANSWER_BYTES)):
                    answer += more
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ModelCallError(type(error).__name__) from error
        if len(answer) > _MAX_ANSWER_BYTES:
            raise ModelCallError("the answer is too long")
        return _text(answer)


def _text(answer: bytes) -> str:
    try:
        text = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ModelCallError("the answer is no chat completion") from error
    if not isinstance(text, str):
        raise ModelCallError("the answer has no text")
    return text
