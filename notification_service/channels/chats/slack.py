"""Slack, by an incoming webhook, as Block Kit.

A header has at most 150 characters, a text 3,000, and a section 10 fields of 2,000. A webhook takes a message a second, with
short bursts. Success is 200 with the body `ok`; other bodies name the fault.
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/reference/block-kit/blocks/section-block, https://docs.slack.dev/apis/web-api/rate-limits
"""

import datetime as dt
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

_OK: Final = 200
_BAD_REQUEST: Final = 400
_MAX_HEADER_CHARACTERS: Final = 150
_MAX_TEXT_CHARACTERS: Final = 3_000
_MOST_FIELDS: Final = 10
_MOST_ALERTS: Final = 50
_GONE_FOR_GOOD: Final = frozenset(
    {
        *("no_service", "no_service_id", "no_team", "no_active_hooks", "team_disabled", "channel_not_found"),
        "channel_is_archived",
    }
)


def render(alerts: Sequence[Alert], endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns a message with a header and fields. `text` is what notifications show."""
    return json_request(endpoint.target, _form(card_of(alerts)))


def _form(card: Card) -> dict[str, Any]:
    header = {
        "type": "header",
        "text": {"type": "plain_text", "text": card.title[:_MAX_HEADER_CHARACTERS], "emoji": False},
    }
    fields = [
        {"type": "mrkdwn", "text": f"*{label}*\n{_escaped(value)}", "verbatim": True} for label, value in card.facts
    ][:_MOST_FIELDS]
    sections: list[dict[str, Any]] = [{"type": "section", "fields": fields}] if fields else []
    if card.entries:
        sections.append({"type": "section", "text": {"type": "mrkdwn", "text": _lines(card), "verbatim": True}})
    text = card.title if card.entries else plain_text(card)
    return {"text": _escaped(text), "blocks": [header, *sections]}


def _lines(card: Card) -> str:
    return "\n".join(f"• {_escaped(entry)}" for entry in card.entries)


def _fits(alerts: Sequence[Alert]) -> bool:
    return len(_lines(card_of(alerts))) <= _MAX_TEXT_CHARACTERS


def _escaped(text: str) -> str:
    """Escapes what Slack would take for a mention or a link. What remains of its markup only changes how a name looks."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def judge(status: int, body: bytes) -> Verdict:
    """Slack accepts with 200 and `ok`, and otherwise names its reason in the body."""
    reason = beginning(body).strip()
    if status == _OK and reason == "ok":
        return DELIVERED
    if status >= _BAD_REQUEST and reason in _GONE_FOR_GOOD:
        return Verdict(Outcome.RETRY, f"HTTP {status}: {reason}", disables=True)
    if status == _BAD_REQUEST:
        return Verdict(Outcome.REFUSED, f"HTTP {status}: {reason}")
    return by_status(status, reason)


KIND: Final = Kind(render, judge, interval_s=1.2, burst=3, most_alerts=_MOST_ALERTS, fits=_fits)
