"""Discord, by a webhook, as an embed.

An embed has a title of at most 256 characters, a description of 4,096, 25 fields with values of 1,024, and 6,000 characters in
all. A webhook takes 30 messages a minute; 429 says for how long to wait. 404 is a webhook that was deleted, and code 50027 one
whose token is wrong: Discord bans the address of whoever goes on. Without `wait` the answer says nothing about the message.
https://discord.com/developers/docs/resources/webhook#execute-webhook,
https://discord.com/developers/docs/resources/message#embed-object-embed-limits,
https://discord.com/developers/docs/topics/rate-limits
"""

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import Any, Final

import httpx

from notification_service.channels.messages import (
    DELIVERED,
    TOO_MANY_REQUESTS,
    Alert,
    Endpoint,
    Kind,
    Outcome,
    Request,
    Verdict,
    beginning,
    by_status,
    json_object,
    json_request,
)
from notification_service.channels.wording import Card, card_of

_OK, _NO_CONTENT, _BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND = 200, 204, 400, 401, 404
_WRONG_TOKEN: Final = 50_027
_COLORS: Final = {"INFO": 0x2E8B57, "WARNING": 0xE0A000, "ALERT": 0xC0392B}
_MAX_TITLE_CHARACTERS: Final = 256
_MAX_VALUE_CHARACTERS: Final = 1_024
_MAX_DESCRIPTION_CHARACTERS: Final = 4_096
_MOST_ALERTS: Final = 50
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]()<>#~|@:-])")


def render(alerts: Sequence[Alert], endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message with one embed that mentions no one. `wait` makes Discord answer with the message that it created."""
    url = httpx.URL(endpoint.target).copy_merge_params({"wait": "true"})
    return json_request(str(url), _form(card_of(alerts)))


def _form(card: Card) -> dict[str, Any]:
    embed: dict[str, Any] = {
        "title": _cut(_escaped(card.title), _MAX_TITLE_CHARACTERS),
        "color": _COLORS.get(card.severity, 0),
        "timestamp": card.time.astimezone(dt.UTC).isoformat(),
        "fields": [
            {"name": label, "value": _cut(_escaped(value), _MAX_VALUE_CHARACTERS), "inline": True}
            for label, value in card.facts
        ],
    }
    if card.entries:
        embed["description"] = "\n".join(f"- {_escaped(entry)}" for entry in card.entries)
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _fits(alerts: Sequence[Alert]) -> bool:
    (embed,) = _form(card_of(alerts))["embeds"]
    return len(embed.get("description", "")) <= _MAX_DESCRIPTION_CHARACTERS


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _cut(text: str, most_characters: int) -> str:
    """Shortens escaped text, and leaves no half of an escape at its end."""
    if len(text) <= most_characters:
        return text
    kept = text[: most_characters - 1]
    is_half = (len(kept) - len(kept.rstrip("\\"))) % 2 == 1
    return f"{kept[:-1] if is_half else kept}…"


def judge(status: int, body: bytes) -> Verdict:
    """Discord accepts with the message, or with 204 and nothing. 429 says for how long to wait."""
    answer = json_object(body)
    if status == _NO_CONTENT or (status == _OK and "id" in answer):
        return DELIVERED
    if status == TOO_MANY_REQUESTS:
        return Verdict(Outcome.RETRY, "HTTP 429", pause_s=_seconds(answer.get("retry_after")))
    if status == _BAD_REQUEST:
        return Verdict(Outcome.REFUSED, f"HTTP {status}: {beginning(body)}")
    if status == _NOT_FOUND or (status == _UNAUTHORIZED and answer.get("code") == _WRONG_TOKEN):
        return Verdict(Outcome.RETRY, f"HTTP {status}: the webhook was deleted", disables=True)
    return by_status(status, beginning(body))


def _seconds(value: object) -> float:
    is_time = isinstance(value, int | float) and math.isfinite(value)
    return max(0.0, float(value)) if is_time and isinstance(value, int | float) else 0.0


KIND: Final = Kind(render, judge, interval_s=2.5, burst=5, most_alerts=_MOST_ALERTS, fits=_fits)
