"""WeCom, by a group robot, as Markdown of at most 4,096 bytes.

Success is `errcode` 0 in the body: the status is 200 for errors, too. A robot may send 20 messages a minute.
https://developer.work.weixin.qq.com/document/path/91770
"""

import datetime as dt
from typing import Final

from notification_service.channels.chats.error_codes import ErrorCodes
from notification_service.channels.messages import Alert, Endpoint, Kind, Request, json_request
from notification_service.channels.wording import facts_of, title_of

CODES: Final = ErrorCodes(
    fields=("errcode",),
    text_field="errmsg",
    too_fast=frozenset({45009}),
    pause_s=60.0,
    gone=frozenset({93000}),
    refused=frozenset({40008, 40058, 44004, 45002}),
)
_MAX_BYTES: Final = 4_096


def render(alert: Alert, endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message without mentions."""
    lines = [f"**{_escaped(title_of(alert))}**", *(f"> {label}: {_escaped(value)}" for label, value in facts_of(alert))]
    text = "\n".join(lines).encode()[:_MAX_BYTES].decode(errors="ignore")
    return json_request(endpoint.target, {"msgtype": "markdown", "markdown": {"content": text}})


def _escaped(text: str) -> str:
    """Removes what WeCom would take for a mention or markup. It knows no escapes."""
    return "".join(character for character in text if character not in "<>@*`[]")


KIND: Final = Kind(render, CODES.judge, interval_s=3.1)
