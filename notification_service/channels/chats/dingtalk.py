"""DingTalk, by a custom robot, as Markdown.

If the robot asks for signatures, the channel has its secret. Success is `errcode` 0 in the body: the status is 200 for errors, too.
A robot that gets more than 20 messages a minute is muted for ten minutes.
https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages
"""

import base64
import datetime as dt
import hashlib
import hmac
import re
from typing import Final

import httpx

from notification_service.channels.chats.error_codes import ErrorCodes
from notification_service.channels.messages import Alert, Endpoint, Kind, Request, json_request
from notification_service.channels.wording import facts_of, title_of

CODES: Final = ErrorCodes(
    fields=("errcode",),
    text_field="errmsg",
    too_fast=frozenset({130101, 410100}),
    pause_s=600.0,
    gone=frozenset({300001, 400013, 400101, 400102, 400106}),
    refused=frozenset({40035, 400105, 430101, 430102, 430103, 430104, 460101}),
)
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]()<>#~|@!])")


def render(alert: Alert, endpoint: Endpoint, now: dt.datetime) -> Request:
    """Returns a message that mentions no one."""
    lines = [f"### {_escaped(title_of(alert))}", *(f"- {label}: {_escaped(value)}" for label, value in facts_of(alert))]
    body = {
        "msgtype": "markdown",
        "markdown": {"title": title_of(alert), "text": "\n".join(lines)},
        "at": {"isAtAll": False},
    }
    url = httpx.URL(endpoint.target)
    if endpoint.secrets:
        time_ms = str(int(now.timestamp() * 1_000))
        url = url.copy_merge_params({"timestamp": time_ms, "sign": sign(time_ms, endpoint.secrets[0])})
    return json_request(str(url), body)


def sign(time_ms: str, secret: str) -> str:
    """Returns the signature, not yet encoded for a URL."""
    digest = hmac.digest(secret.encode(), f"{time_ms}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


KIND: Final = Kind(render, CODES.judge, interval_s=3.1)
