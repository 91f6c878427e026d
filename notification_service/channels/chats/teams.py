"""Microsoft Teams, by a workflow that starts "when a Teams webhook request is received", as an Adaptive Card.

A message has at most 28 KB. Success is 202: the workflow has begun, and posts a moment later. A workflow that was switched off or
deleted answers 400 or 404, in words that differ, so the channel fails like any other.
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook,
https://learn.microsoft.com/connectors/teams, https://adaptivecards.io/explorer/FactSet.html
"""

import datetime as dt
import json
import re
from collections.abc import Sequence
from typing import Any, Final

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
from notification_service.channels.wording import Card, card_of, plain_text

_ACCEPTED: Final = 202
_BAD_REQUEST: Final = 400
_MAX_BYTES: Final = 28_000
_MOST_ALERTS: Final = 50
_COLORS: Final = {"INFO": "good", "WARNING": "warning", "ALERT": "attention"}
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]()<>#~|!])")


def render(alerts: Sequence[Alert], endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message with one card."""
    return json_request(endpoint.target, _form(card_of(alerts)))


def _form(card: Card) -> dict[str, Any]:
    title = {
        "type": "TextBlock",
        "text": _escaped(card.title),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": True,
        "color": _COLORS.get(card.severity, "default"),
    }
    facts = {
        "type": "FactSet",
        "facts": [{"title": label, "value": _escaped(value)} for label, value in card.facts],
    }
    entries = [
        {"type": "TextBlock", "text": _escaped(entry), "wrap": True, "spacing": "Small"} for entry in card.entries
    ]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": card.title if card.entries else plain_text(card),
        "body": [title, *([facts] if card.facts else []), *entries],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content,
    }
    return {"type": "message", "attachments": [attachment]}


def _fits(alerts: Sequence[Alert]) -> bool:
    return len(json.dumps(_form(card_of(alerts)), ensure_ascii=False).encode()) <= _MAX_BYTES


def _escaped(text: str) -> str:
    """Escapes the Markdown that text blocks understand."""
    return _MARKDOWN.sub(r"\\\1", text)


def judge(status: int, body: bytes) -> Verdict:
    """A workflow accepts with 202."""
    if status == _ACCEPTED:
        return DELIVERED
    verdict = by_status(status, beginning(body))
    return Verdict(Outcome.REFUSED, verdict.error) if status == _BAD_REQUEST else verdict


KIND: Final = Kind(render, judge, interval_s=1.0, burst=3, most_alerts=_MOST_ALERTS, fits=_fits)
