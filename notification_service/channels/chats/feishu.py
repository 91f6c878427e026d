"""Feishu (and Lark), by a custom bot, as an interactive card.

If the bot asks for signatures, the channel has its secret. Success is `code` 0 in the body: the status is 200 for errors, too. A
bot takes 100 messages a minute and 5 a second, each of at most 20 KB. Code 11232 is too many, also of all bots together at full
hours; 19021 a wrong signature, 19022 a wrong address and 19024 a missing keyword, which somebody must correct; 9499 is a
malformed message. https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any, Final

from notification_service.channels.chats.error_codes import ErrorCodes
from notification_service.channels.messages import Alert, Endpoint, Kind, Request, json_request
from notification_service.channels.wording import Card, card_of

_MAX_BYTES: Final = 20_000 - 200
"""Less what the signature takes."""
_MOST_ALERTS: Final = 100
_COLORS: Final = {"INFO": "green", "WARNING": "orange", "ALERT": "red"}
CODES: Final = ErrorCodes(
    fields=("code", "StatusCode"),
    text_field="msg",
    too_fast=frozenset({11232, 99991400}),
    pause_s=60.0,
    gone=frozenset({19001}),
    refused=frozenset({9499}),
)


def render(alerts: Sequence[Alert], endpoint: Endpoint, now: dt.datetime) -> Request:
    """Returns a card of plain text, in which names cannot mention anyone."""
    body = _form(card_of(alerts))
    if not endpoint.secrets:
        return json_request(endpoint.target, body)
    time_s = str(int(now.timestamp()))
    signed = {"timestamp": time_s, "sign": sign(time_s, endpoint.secrets[0])}
    return json_request(endpoint.target, {**signed, **body}, {"timestamp": time_s, "sign": "…", **body})


def _form(card: Card) -> dict[str, Any]:
    lines = [*(f"{label}: {value}" for label, value in card.facts), *card.entries]
    content = {
        "header": {"title": _plain(card.title), "template": _COLORS.get(card.severity, "blue")},
        "elements": [{"tag": "div", "text": _plain(line)} for line in lines],
    }
    return {"msg_type": "interactive", "card": content}


def _fits(alerts: Sequence[Alert]) -> bool:
    return len(json.dumps(_form(card_of(alerts)), ensure_ascii=False).encode()) <= _MAX_BYTES


def sign(time_s: str, secret: str) -> str:
    """Returns the signature: of nothing, with the time and the secret as the key."""
    return base64.b64encode(hmac.digest(f"{time_s}\n{secret}".encode(), b"", hashlib.sha256)).decode()


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}


KIND: Final = Kind(render, CODES.judge, interval_s=0.7, burst=4, most_alerts=_MOST_ALERTS, fits=_fits)
