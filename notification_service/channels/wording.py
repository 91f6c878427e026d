"""An alert in words, for people in chats. Pure.

Names are whatever members typed. Each product's module escapes them, because some words would call everybody in a chat.
"""

from typing import Final

from gateway_core.model.alerts.event_types import DIGEST
from gateway_core.model.alerts.wording import (
    MAX_SENTENCE_CHARACTERS,
    credits_text,
    mapping_in,
    one_line,
    scope_of,
    sentence_of,
)
from notification_service.channels.messages import Alert

_MOST_ALERTS: Final = 5
_MOST_CONTRIBUTORS: Final = 3

Fact = tuple[str, str]
"""A label and its value."""


def title_of(alert: Alert) -> str:
    """Returns one sentence that says what happened."""
    return sentence_of(alert.event_type, alert.data)


def facts_of(alert: Alert) -> list[Fact]:
    """Returns what else there is to know, the most important first: at most seven, or of a digest, what is in it."""
    if alert.event_type == DIGEST:
        return digest_facts(alert)
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


def digest_facts(alert: Alert) -> list[Fact]:
    """Returns what a digest lists: its most urgent alerts and the largest contributors, a fact each, at most nine."""
    digest = mapping_in(alert.data, "digest")
    contributors = mapping_in(alert.data, "topContributors").get("contributors", ())[:_MOST_CONTRIBUTORS]
    facts = [("Severity", alert.severity.capitalize()), ("Organization", one_line(alert.organization))]
    facts.extend(
        (str(one.get("severity", "")).capitalize(), one_line(one.get("summary", ""), MAX_SENTENCE_CHARACTERS))
        for one in digest.get("alerts", ())[:_MOST_ALERTS]
    )
    more = int(digest.get("count", 0)) - _MOST_ALERTS
    if more > 0:
        facts.append(("Further", f"{more} alerts"))
    spent = [f"{scope_of({'scope': one})} {credits_text(one.get('spentNanoCredits'))}" for one in contributors]
    if spent:
        facts.append(("Spent the most", ", ".join(spent)))
    return facts


def plain_text(alert: Alert) -> str:
    """Returns the alert in one paragraph, for where no form is possible."""
    return ". ".join([title_of(alert), *(f"{label}: {value}" for label, value in facts_of(alert))])
