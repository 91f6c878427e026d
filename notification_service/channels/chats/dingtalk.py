"""DingTalk, by a custom robot, as Markdown.

If the robot asks for signatures, the channel has its secret. Success is `errcode` 0 in the body: the status is 200 for errors,
too. A robot that gets more than 20 messages a minute is muted for ten minutes; the document advises to put many alerts into one
Markdown message. A body has at most 20,000 bytes. Code 310000 is a wrong keyword, signature or address, and 400102 a robot that was
stopped: somebody must correct that, and then the same message arrives.
https://open.dingtalk.com/document/orgapp/custom-robot-access
"""

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from typing import Any, Final

import httpx

from notification_service.channels.chats.error_codes import ErrorCodes
from notification_service.channels.messages import Alert, Endpoint, Kind, Request, json_request
from notification_service.channels.wording import Card, card_of

CODES: Final = ErrorCodes(
    fields=("errcode",),
    text_field="errmsg",
    too_fast=frozenset({130101, 410100}),
    pause_s=600.0,
    gone=frozenset({300001, 400013, 400101, 400106}),
    refused=frozenset({40035, 400105, 430101, 430102, 430103, 430104, 460101}),
)
_MAX_BYTES: Final = 20_000
_FULL_WIDTH_AT: Final = "\uff20"
_MOST_ALERTS: Final = 100
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]()<>#~|!])")


def render(alerts: Sequence[Alert], endpoint: Endpoint, now: dt.datetime) -> Request:
    """Returns a message that mentions no one."""
    url = httpx.URL(endpoint.target)
    if endpoint.secrets:
        time_ms = str(int(now.timestamp() * 1_000))
        url = url.copy_merge_params({"timestamp": time_ms, "sign": sign(time_ms, endpoint.secrets[0])})
    return json_request(str(url), _form(card_of(alerts)))


def _form(card: Card) -> dict[str, Any]:
    lines = [f"### {_escaped(card.title)}", *(f"- {label}: {_escaped(value)}" for label, value in card.facts)]
    lines += [f"- {_escaped(entry)}" for entry in card.entries]
    return {
        "msgtype": "markdown",
        "markdown": {"title": _without_mentions(card.title), "text": "\n".join(lines)},
        "at": {"isAtAll": False},
    }


def _fits(alerts: Sequence[Alert]) -> bool:
    return len(json.dumps(_form(card_of(alerts)), ensure_ascii=False).encode()) <= _MAX_BYTES


def sign(time_ms: str, secret: str) -> str:
    """Returns the signature, not yet encoded for a URL."""
    digest = hmac.digest(secret.encode(), f"{time_ms}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", _without_mentions(text))


def _without_mentions(text: str) -> str:
    """DingTalk knows no escape of `@`: a full-width one looks the same to people."""
    return text.replace("@", _FULL_WIDTH_AT)


KIND: Final = Kind(render, CODES.judge, interval_s=4.0, burst=4, most_alerts=_MOST_ALERTS, fits=_fits)
