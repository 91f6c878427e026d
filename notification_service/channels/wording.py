"""An alert in words, for people in chats. Pure.

Names are whatever members typed. Each product's module escapes them, because some words would call everybody in a chat.
"""

from gateway_core.model.alerts.event_types import DIGEST
from gateway_core.model.alerts.wording import (
    credits_text,
    mapping_in,
    one_line,
    sentence_of,
)
from notification_service.channels.digests import facts_of_digest
from notification_service.channels.messages import Alert

Fact = tuple[str, str]
"""A label and its value."""


def title_of(alert: Alert) -> str:
    """Returns one sentence that says what happened."""
    return sentence_of(alert.event_type, alert.data)


def facts_of(alert: Alert) -> list[Fact]:
    """Returns what else there is to know, the most important first: at most seven, or of a digest, what is in it."""
    if alert.event_type == DIGEST:
        return facts_of_digest(alert.severity, alert.organization, alert.data)
    budget = mapping_in(alert.data, "budget")
    facts = [
        ("Severity", alert.severity.capitalize()),
        ("Organization", one_line(alert.organization)),
        ("Spent", credits_text(alert.data.get("spentNanoCredits"))),
        ("Budget", credits_text(budget.get("limitNanoCredits"))),
        ("Models", one_line(budget.get("models") or "")),
        ("Period ends", one_line(budget.get("periodEndTime") or "")),
        ("Event", one_line(alert.event_id)),
    ]
    return [(label, value) for label, value in facts if value]


def plain_text(alert: Alert) -> str:
    """Returns the alert in one paragraph, for where no form is possible."""
    return ". ".join([title_of(alert), *(f"{label}: {value}" for label, value in facts_of(alert))])
