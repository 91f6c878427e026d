"""Reads the answers to requests for tokens (RFC 6749)."""

import json
import re
from dataclasses import dataclass
from typing import Final

from token_service.problems import Problem, TokenError

_LIFE_MAX_S: Final = 24 * 3_600
_TOKEN: Final = re.compile(r"[!-~]{8,32768}")
_ERROR_CODE: Final = re.compile(r"[a-z_]{1,64}")
_OK: Final = 200


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """An access token."""

    text: str
    life_s: int


def token_in(status: int, body: bytes) -> Token:
    """Returns the token of an answer.

    Raises:
        TokenError: it has none. Of what the server says, only the code of the error is quoted.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise TokenError(Problem.REFUSED, f"the server answered with status {status} and no JSON object")
    text, life_s = fields.get("access_token"), _whole(fields.get("expires_in"))
    if status != _OK or not isinstance(text, str):
        code = fields.get("error")
        known = code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else "no error code"
        raise TokenError(Problem.REFUSED, f"the server answered with status {status} and {known}")
    if str(fields.get("token_type", "")).lower() != "bearer" or _TOKEN.fullmatch(text) is None or life_s is None:
        raise TokenError(Problem.REFUSED, "the server answered with something that is no bearer token with an end")
    return Token(text, min(life_s, _LIFE_MAX_S))


def _whole(value: object) -> int | None:
    """Returns a positive number of seconds; Microsoft's older servers write it as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        value = int(value)
    return value if type(value) is int and value > 0 else None
