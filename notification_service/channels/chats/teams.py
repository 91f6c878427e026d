"""Microsoft Teams, by a workflow that starts "when a Teams webhook request is received", as an Adaptive Card.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
"""

import datetime as dt
import re
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

_ACCEPTED: Final = 202
_BAD_REQUEST: Final = 400
_COLORS: Final = {"INFO": "good", "WARNING": "warning", "ALERT": "attention"}
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]()<>#~|!])")


def render(alert: Alert, endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message with one card."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": plain_text(alert),
        "body": [
            {
                "type": "TextBlock",
                "text": _escaped(title_of(alert)),
                "weight": "Bolder",
                "size": "Medium",
                "wrap": True,
                "color": _COLORS.get(alert.severity, "default"),
            },
            {
                "type": "FactSet",
                "facts": [{"title": label, "value": _escaped(value)} for label, value in facts_of(alert)],
            },
        ],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return json_request(endpoint.target, {"type": "message", "attachments": [attachment]})


def _escaped(text: str) -> str:
    """Escapes the Markdown that text blocks understand."""
    return _MARKDOWN.sub(r"\\\1", text)


def judge(status: int, body: bytes) -> Verdict:
    """A workflow accepts with 202."""
    if status == _ACCEPTED:
        return DELIVERED
    verdict = by_status(status, beginning(body))
    return Verdict(Outcome.REFUSED, verdict.error) if status == _BAD_REQUEST else verdict


KIND: Final = Kind(render, judge, interval_s=1.0)
