"""An alert in words, for people in chats. Pure.

Names are whatever members typed. Each product's module escapes them, because some words would call everybody in a chat.
"""

from gateway_core.model.alerts.wording import credits_text, mapping_in, one_line, sentence_of
from notification_service.channels.messages import Alert

Fact = tuple[str, str]
"""A label and its value."""


def title_of(alert: Alert) -> str:
    """Returns one sentence that says what happened."""
    return sentence_of(alert.event_type, alert.data)


def facts_of(alert: Alert) -> list[Fact]:
    """Returns what else there is to know, the most important first: at most eight."""
    data, budget, credit = alert.data, mapping_in(alert.data, "budget"), mapping_in(alert.data, "credit")
    facts = [
        ("Organization", one_line(alert.organization)),
        ("Spent", credits_text(data.get("spentNanoCredits"))),
        ("Budget", credits_text(budget.get("limitNanoCredits"))),
        ("Credit left", credits_text(credit.get("leftNanoCredits"))),
        ("Provider", one_line(data.get("provider") or "")),
        ("Reason", one_line(data.get("reason") or "")),
        ("Changed", _listed(data.get("changedFields"))),
        ("Kinds", _listed(data.get("kinds"))),
        ("Models", one_line(budget.get("models") or "") or _top(data.get("topModels"), "model")),
        ("Members", _top(data.get("topMembers"), "displayName")),
        ("Expires", one_line(data.get("expireTime") or "")),
        ("Last used", one_line(data.get("lastUseTime") or "")),
        ("Period ends", one_line(budget.get("periodEndTime") or data.get("periodEndTime") or "")),
        ("Event", one_line(alert.event_id)),
    ]
    return [(label, value) for label, value in facts if value]


def _listed(values: object) -> str:
    return one_line(", ".join(map(str, values))) if isinstance(values, list) else ""


def _top(entries: object, name: str) -> str:
    """Returns the first three of those who spent most, with what they spent."""
    named = [one for one in entries if isinstance(one, dict)][:3] if isinstance(entries, list) else []
    return one_line(", ".join(f"{one.get(name)} ({credits_text(one.get('spentNanoCredits'))})" for one in named), 200)


def plain_text(alert: Alert) -> str:
    """Returns the alert in one paragraph, for where no form is possible."""
    return ". ".join([title_of(alert), *(f"{label}: {value}" for label, value in facts_of(alert))])
