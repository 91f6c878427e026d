"""E-mail, as text and as HTML. The target of the channel is an address; the operator's mail server sends.

Success is 250 of SMTP (RFC 5321). Codes from 500 on refuse a message for good, as for a mailbox that does not exist.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Final

from gateway_core.model.alerts.targets import MAIL_SCHEME
from notification_service.channels.messages import (
    DELIVERED,
    Alert,
    Endpoint,
    Kind,
    Outcome,
    Request,
    Verdict,
    beginning,
)
from notification_service.channels.wording import Card, card_of

_ACCEPTED: Final = 250
_PERMANENT: Final = range(500, 600)
_MOST_ALERTS: Final = 50
_COLORS: Final = {"INFO": "#2e8b57", "WARNING": "#b36b00", "ALERT": "#c0392b"}
_FOOTER: Final = "You get this because a rule of your organization names you or this address."


def render(alerts: Sequence[Alert], endpoint: Endpoint, _now: dt.datetime) -> Request:
    """Returns the message. The same alerts have the same Message-ID in every attempt."""
    card = card_of(alerts)
    name = hashlib.sha256("\n".join((endpoint.target, *(alert.event_id for alert in alerts))).encode()).hexdigest()
    message = EmailMessage()
    message["Subject"] = card.title
    message["From"] = endpoint.sender
    message["To"] = endpoint.target
    message["Date"] = format_datetime(card.time.astimezone(dt.UTC))
    message["Message-ID"] = f"<alert.{name[:24]}@{endpoint.sender.rpartition('@')[2]}>"
    # RFC 3834: no out-of-office answers.
    message["Auto-Submitted"] = "auto-generated"
    text = _text(card)
    message.set_content(text)
    message.add_alternative(_html(card), subtype="html")
    return Request(f"{MAIL_SCHEME}{endpoint.target}", {}, message.as_bytes(), f"Subject: {card.title}\n\n{text}")


def judge(status: int, body: bytes) -> Verdict:
    """Judges the last code of the mail server, with its text."""
    if status == _ACCEPTED:
        return DELIVERED
    error = f"SMTP {status}: {beginning(body)}"
    return Verdict(Outcome.REFUSED if status in _PERMANENT else Outcome.RETRY, error)


def _text(card: Card) -> str:
    lines = [card.title + ".", "", *(f"{label}: {value}" for label, value in card.facts)]
    return "\n".join([*lines, *(f"- {entry}" for entry in card.entries), "", _FOOTER]) + "\n"


def _html(card: Card) -> str:
    color = _COLORS.get(card.severity, "#555")
    rows = "".join(
        f'<tr><td style="padding:4px 16px 4px 0;color:#666;white-space:nowrap">{escape(label)}</td>'
        f'<td style="padding:4px 0">{escape(value)}</td></tr>'
        for label, value in card.facts
    )
    items = "".join(f'<li style="margin:4px 0">{escape(entry)}</li>' for entry in card.entries)
    entries = f'<ul style="padding-left:20px">{items}</ul>' if items else ""
    table = f'<table style="border-collapse:collapse">{rows}</table>' if rows else ""
    return (
        '<!doctype html><html><head><meta charset="utf-8"></head>'
        '<body style="margin:0;padding:24px;font:15px/1.5 system-ui,sans-serif;color:#222;background:#f5f5f5">'
        f'<div style="max-width:600px;margin:auto;padding:24px;background:#fff;border-top:4px solid {color}">'
        f'<h1 style="margin:0 0 16px;font-size:18px;overflow-wrap:anywhere">{escape(card.title)}</h1>'
        f"{table}{entries}"
        f'<p style="margin:24px 0 0;color:#666;font-size:13px">{escape(_FOOTER)}</p></div></body></html>'
    )


KIND: Final = Kind(render, judge, interval_s=30.0, burst=3, most_alerts=_MOST_ALERTS)
