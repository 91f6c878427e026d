"""Discord, by a webhook, as an embed.

https://discord.com/developers/docs/resources/webhook#execute-webhook
"""

import datetime as dt
import math
import re
from typing import Final

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
from notification_service.channels.wording import facts_of, title_of

_OK, _NO_CONTENT, _BAD_REQUEST, _NOT_FOUND = 200, 204, 400, 404
_UNKNOWN_WEBHOOK: Final = 10_015
_COLORS: Final = {"INFO": 0x2E8B57, "WARNING": 0xE0A000, "ALERT": 0xC0392B}
_MAX_TITLE_CHARACTERS: Final = 256
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]()<>#~|@:-])")


def render(alert: Alert, endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message with one embed that mentions no one. `wait` makes Discord answer with the message that it created."""
    body = {
        "embeds": [
            {
                "title": _escaped(title_of(alert))[:_MAX_TITLE_CHARACTERS],
                "color": _COLORS.get(alert.severity, 0),
                "timestamp": alert.time.astimezone(dt.UTC).isoformat(),
                "fields": [
                    {"name": label, "value": _escaped(value), "inline": True} for label, value in facts_of(alert)
                ],
            }
        ],
        "allowed_mentions": {"parse": []},
    }
    url = httpx.URL(endpoint.target).copy_merge_params({"wait": "true"})
    return json_request(str(url), body)


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def judge(status: int, body: bytes) -> Verdict:
    """Discord accepts with the message, or with 204 and nothing. 429 says for how long to wait."""
    answer = json_object(body)
    if status == _NO_CONTENT or (status == _OK and "id" in answer):
        return DELIVERED
    if status == TOO_MANY_REQUESTS:
        return Verdict(Outcome.RETRY, "HTTP 429", pause_s=_seconds(answer.get("retry_after")))
    if status == _BAD_REQUEST:
        return Verdict(Outcome.REFUSED, f"HTTP {status}: {beginning(body)}")
    if status == _NOT_FOUND and answer.get("code") == _UNKNOWN_WEBHOOK:
        return Verdict(Outcome.RETRY, "HTTP 404: the webhook was deleted", disables=True)
    return by_status(status, beginning(body))


def _seconds(value: object) -> float:
    is_time = isinstance(value, int | float) and math.isfinite(value)
    return max(0.0, float(value)) if is_time and isinstance(value, int | float) else 0.0


KIND: Final = Kind(render, judge, interval_s=2.0)
