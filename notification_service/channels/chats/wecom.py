"""WeCom, by a group robot ("message push" in newer versions), as Markdown of at most 4,096 bytes.

Success is `errcode` 0 in the body: the status is 200 for errors, too. A robot may send 20 messages a minute; code 45009 is too
many. Code 93000 is a robot that was removed. Code 93004 is one that was stopped, which somebody may start again. `markdown_v2` is
not used: older clients show it as it is. https://developer.work.weixin.qq.com/document/path/91770,
https://developer.work.weixin.qq.com/document/path/90313
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from notification_service.channels.chats.error_codes import ErrorCodes
from notification_service.channels.messages import Alert, Endpoint, Kind, Request, json_request
from notification_service.channels.wording import Card, card_of

CODES: Final = ErrorCodes(
    fields=("errcode",),
    text_field="errmsg",
    too_fast=frozenset({45009}),
    pause_s=60.0,
    gone=frozenset({93000}),
    # Not 40008, a wrong type of message: this type is right, and WeCom has answered so to every message for hours.
    refused=frozenset({40058, 44004, 45002}),
)
_MAX_BYTES: Final = 4_096
_MOST_ALERTS: Final = 50
_FULL_WIDTH: Final = {ord(character): ord(character) + 0xFEE0 for character in "<>@*`[]"}


def render(alerts: Sequence[Alert], endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message without mentions."""
    text = _text(card_of(alerts)).encode()[:_MAX_BYTES].decode(errors="ignore")
    return json_request(endpoint.target, {"msgtype": "markdown", "markdown": {"content": text}})


def _text(card: Card) -> str:
    lines = [f"**{_escaped(card.title)}**", *(f"> {label}: {_escaped(value)}" for label, value in card.facts)]
    return "\n".join([*lines, *(f"> {_escaped(entry)}" for entry in card.entries)])


def _fits(alerts: Sequence[Alert]) -> bool:
    return len(_text(card_of(alerts)).encode()) <= _MAX_BYTES


def _escaped(text: str) -> str:
    """Replaces what WeCom would take for a mention or markup. It knows no escapes: full-width ones look the same to people."""
    return text.translate(_FULL_WIDTH)


KIND: Final = Kind(render, CODES.judge, interval_s=4.0, burst=4, most_alerts=_MOST_ALERTS, fits=_fits)
