"""What every kind of channel shares: the alert, the request it becomes, and the judgement of an answer."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

TOO_MANY_REQUESTS: Final = 429
GONE: Final = 410
_SUCCESSFUL: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened."""

    event_id: str
    event_type: str
    """Such as `budget.threshold_reached`."""
    severity: str
    """`INFO`, `WARNING` or `ALERT`."""
    time: dt.datetime
    data: Mapping[str, Any]
    organization: str
    """Its display name."""
    subject_key: str
    """The same for all alerts about one budget in one period, such as reaching a threshold and recovering from it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a channel sends to, opened."""

    target: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The current one first. During a rotation, the former one follows. Empty where the product signs nothing."""
    sender: str = ""
    """The address that e-mail comes from."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message in its product's form."""

    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    shown_body: str
    """The body without secrets."""


class Outcome(StrEnum):
    """What an attempt came to."""

    DELIVERED = "DELIVERED"
    RETRY = "RETRY"
    REFUSED = "REFUSED"
    """The same message would be refused again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means."""

    outcome: Outcome
    error: str = ""
    pause_s: float = 0.0
    """How long the product wants to get no message at all."""
    disables: bool = False
    """Whether the channel does not exist any more."""


DELIVERED: Final = Verdict(Outcome.DELIVERED)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of channel."""

    render: Callable[[Sequence[Alert], Endpoint, dt.datetime], Request]
    """Makes one message of one or more alerts, the oldest first. The time is that of the attempt."""
    judge: Callable[[int, bytes], Verdict]
    """Judges the status and the beginning of the body of an answer."""
    interval_s: float
    """How often a token comes into the channel's bucket. Each message takes one; 0: no message needs one."""
    burst: int = 1
    """How many tokens the bucket holds. What the product accepts in any minute is not less than `burst + 60 / interval_s`."""
    most_alerts: int = 1
    """That one message may contain."""
    fits: Callable[[Sequence[Alert]], bool] = lambda _alerts: True
    """Whether the product accepts one message with these alerts."""
    is_chat: bool = True
    """Whether messages are worth little after a day."""

    def count_that_fits(self, alerts: Sequence[Alert]) -> int:
        """Returns how many of the alerts, from the first on, go into one message: at least 1."""
        least, most = 1, min(len(alerts), self.most_alerts)
        while least < most:
            middle = (least + most + 1) // 2
            if self.fits(alerts[:middle]):
                least = middle
            else:
                most = middle - 1
        return least


def is_success(status: int) -> bool:
    """Returns whether a status is one of success."""
    return status in _SUCCESSFUL


def by_status(status: int, detail: str = "") -> Verdict:
    """Judges an answer that is no success, where the product gives no meanings of its own."""
    error = f"HTTP {status}{f': {detail}' if detail else ''}"
    return Verdict(Outcome.RETRY, error, disables=status == GONE)


def json_request(url: str, body: Mapping[str, Any], shown: Mapping[str, Any] | None = None) -> Request:
    """Returns a request with a JSON body.

    Args:
        url: of the product.
        body: what is sent.
        shown: what is recorded, if the body contains secrets.
    """
    text = json.dumps(body, ensure_ascii=False)
    shown_text = text if shown is None else json.dumps(shown, ensure_ascii=False)
    return Request(url, {"content-type": "application/json; charset=utf-8"}, text.encode(), shown_text)


def json_object(body: bytes) -> dict[str, Any]:
    """Returns the JSON object in a body; empty if there is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def beginning(body: bytes, characters: int = 200) -> str:
    """Returns the beginning of a body as text."""
    return body[: 4 * characters].decode(errors="replace")[:characters]
