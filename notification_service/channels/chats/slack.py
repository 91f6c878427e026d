"""Slack, by an incoming webhook, as Block Kit.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import datetime as dt
from typing import Final

from notification_service.channels.messages import (
    DELIVERED,
    Alert,
    Endpoint,
    Kind,
    Outcome,
    Request,
    Verdict,
    beginning,
    by_status,
    json_request,
)
from notification_service.channels.wording import facts_of, plain_text, title_of

_OK: Final = 200
_BAD_REQUEST, _NOT_FOUND = 400, 404
_MAX_HEADER_CHARACTERS: Final = 150
_MOST_FIELDS: Final = 10
_GONE_FOR_GOOD: Final = frozenset({"no_service", "no_team", "channel_not_found", "channel_is_archived"})


def render(alert: Alert, endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message with a header and fields. `text` is what notifications show."""
    body = {
        "text": _escaped(plain_text(alert)),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title_of(alert)[:_MAX_HEADER_CHARACTERS]}},
            {
                "type": "section",
                "fields": [
                    {"type": "mrkdwn", "text": f"*{label}*\n{_escaped(value)}"} for label, value in facts_of(alert)
                ][:_MOST_FIELDS],
            },
        ],
    }
    return json_request(endpoint.target, body)


def _escaped(text: str) -> str:
    """Escapes what Slack would take for a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def judge(status: int, body: bytes) -> Verdict:
    """Slack accepts with 200 and `ok`, and otherwise names its reason in the body."""
    reason = beginning(body).strip()
    if status == _OK and reason == "ok":
        return DELIVERED
    if status == _BAD_REQUEST:
        return Verdict(Outcome.REFUSED, f"HTTP {status}: {reason}")
    if status == _NOT_FOUND and reason in _GONE_FOR_GOOD:
        return Verdict(Outcome.RETRY, f"HTTP {status}: {reason}", disables=True)
    return by_status(status, reason)


KIND: Final = Kind(render, judge, interval_s=1.0)
