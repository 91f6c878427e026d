"""Judges products that answer 200 for errors, too, with a code in the body."""

from dataclasses import dataclass
from typing import Final

from notification_service.channels.messages import (
    DELIVERED,
    Outcome,
    Verdict,
    beginning,
    by_status,
    is_success,
    json_object,
)

_MAX_TEXT_CHARACTERS: Final = 200
_MAX_CODE_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """What the codes of a product mean. 0 is success. After any other code that is not named, the message is sent again."""

    fields: tuple[str, ...]
    """Where the code is, in the present version of the product and in older ones."""
    text_field: str
    too_fast: frozenset[int]
    pause_s: float
    """How long the product then wants no message."""
    gone: frozenset[int]
    """The robot or its group does not exist any more."""
    refused: frozenset[int]
    """The message itself is not accepted."""

    def judge(self, status: int, body: bytes) -> Verdict:
        """Judges an answer."""
        answer = json_object(body)
        code = _number(next((answer[name] for name in self.fields if name in answer), None))
        if code is None:
            verdict = by_status(status, beginning(body))
            return Verdict(Outcome.RETRY, f"{verdict.error} (no code)", disables=verdict.disables)
        if code == 0 and is_success(status):
            return DELIVERED
        text = str(answer.get(self.text_field, ""))[:_MAX_TEXT_CHARACTERS]
        return Verdict(
            Outcome.REFUSED if code in self.refused else Outcome.RETRY,
            f"HTTP {status}, code {code}: {text}",
            self.pause_s if code in self.too_fast else 0.0,
            disables=code in self.gone,
        )


def _number(code: object) -> int | None:
    """Returns a code, which some documents show as a text; None if it is none."""
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) <= _MAX_CODE_DIGITS:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None
