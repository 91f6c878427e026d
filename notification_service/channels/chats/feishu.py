"""Feishu (and Lark), by a custom bot, as an interactive card.

If the bot asks for signatures, the channel has its secret. Success is `code` 0 in the body: the status is 200 for errors, too.
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

import base64
import datetime as dt
import hashlib
import hmac
from typing import Any, Final

from notification_service.channels.chats.error_codes import ErrorCodes
from notification_service.channels.messages import Alert, Endpoint, Kind, Request, json_request
from notification_service.channels.wording import facts_of, title_of

_COLORS: Final = {"INFO": "green", "WARNING": "orange", "ALERT": "red"}
CODES: Final = ErrorCodes(
    fields=("code", "StatusCode"),
    text_field="msg",
    too_fast=frozenset({11232, 99991400}),
    pause_s=60.0,
    gone=frozenset({19001}),
    refused=frozenset({9499}),
)


def render(alert: Alert, endpoint: Endpoint, now: dt.datetime) -> Request:
    """Returns a card of plain text, in which names cannot mention anyone."""
    card = {
        "header": {"title": _plain(title_of(alert)), "template": _COLORS.get(alert.severity, "blue")},
        "elements": [{"tag": "div", "text": _plain(f"{label}: {value}")} for label, value in facts_of(alert)],
    }
    body: dict[str, Any] = {"msg_type": "interactive", "card": card}
    if not endpoint.secrets:
        return json_request(endpoint.target, body)
    time_s = str(int(now.timestamp()))
    signed = {"timestamp": time_s, "sign": sign(time_s, endpoint.secrets[0])}
    return json_request(endpoint.target, {**signed, **body}, {"timestamp": time_s, "sign": "…", **body})


def sign(time_s: str, secret: str) -> str:
    """Returns the signature: of nothing, with the time and the secret as the key."""
    return base64.b64encode(hmac.digest(f"{time_s}\n{secret}".encode(), b"", hashlib.sha256)).decode()


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}


KIND: Final = Kind(render, CODES.judge, interval_s=0.6)
