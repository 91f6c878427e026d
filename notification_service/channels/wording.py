"""Alerts in words, for people. Pure.

Knows no type of event: titles come from the shared wording, and facts are what the data of the event has. Names are whatever
members typed. Each product's module escapes them, because some words would call everybody in a chat.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway_core.model.alerts.event_types import DIGEST
from gateway_core.model.alerts.wording import MAX_SENTENCE_CHARACTERS, credits_text, one_line, sentence_of
from notification_service.channels.digests import entries_of_digest, facts_of_digest
from notification_service.channels.messages import Alert

Fact = tuple[str, str]
"""A label and its value."""

MOST_FACTS: Final = 9
MOST_LISTED: Final = 3
"""Entries of a list."""
_SEVERITIES: Final = ("INFO", "WARNING", "ALERT")
_CREDITS: Final = "NanoCredits"
_TIME: Final = "Time"
_FIELDS: Final = "changedFields"
_RESOURCE: Final = "organizations/"
# Said elsewhere, or of use to programs only.
_HIDDEN: Final = frozenset(
    {
        "version",
        "severity",
        "organization",
        "rule",
        "scope",
        "channel",
        "proof",
        "threshold",
        "cycle",
        "periodStartTime",
    }
)
_LABELS: Final = {
    "limitNanoCredits": "Budget",
    "spentNanoCredits": "Spent",
    "leftNanoCredits": "Credit left",
    "periodEndTime": "Period ends",
    "expireTime": "Expires",
    "lastUseTime": "Last used",
    "changedFields": "Changed",
    "actor": "By",
}
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Card:
    """What a message says, in whatever form."""

    title: str
    """One sentence."""
    severity: str
    """Of the most urgent alert."""
    time: dt.datetime
    """Of the last alert."""
    facts: Sequence[Fact]
    entries: Sequence[str] = ()
    """One line for each alert, if there are several or it is a digest."""


def card_of(alerts: Sequence[Alert]) -> Card:
    """Returns what a message about these alerts says. There is at least one."""
    last = alerts[-1]
    if len(alerts) == 1:
        entries = entries_of_digest(last.data) if last.event_type == DIGEST else ()
        return Card(title_of(last), last.severity, last.time, facts_of(last), entries)
    severity = max((alert.severity for alert in alerts), key=_urgency)
    title = f"{len(alerts)} alerts of {one_line(last.organization) or 'MegaRouter'}, times in UTC"
    return Card(title, severity, last.time, (), [f"{_clock(alert.time)} {title_of(alert)}" for alert in alerts])


def title_of(alert: Alert) -> str:
    """Returns one sentence that says what happened."""
    return sentence_of(alert.event_type, alert.data)


def facts_of(alert: Alert) -> list[Fact]:
    """Returns what else there is to know: severity, organization, what the data has, and the id. Of digests, who spent most."""
    if alert.event_type == DIGEST:
        return facts_of_digest(alert.severity, alert.organization, alert.data)
    organization, event = one_line(alert.organization), one_line(alert.event_id)
    head = [("Severity", alert.severity.capitalize()), ("Organization", organization)]
    found = list(_facts(alert.data, "", set()))
    facts = [*head, *found[: MOST_FACTS - len(head) - 1], ("Event", event)]
    return [(label, value) for label, value in facts if value]


def plain_text(card: Card) -> str:
    """Returns a card in one paragraph, for where no form is possible."""
    return ". ".join([card.title, *(f"{label}: {value}" for label, value in card.facts), *card.entries])


def _facts(data: Mapping[str, Any], part: str, known: set[str]) -> Iterator[Fact]:
    """Yields what is at the top before what is inside of it. A label that is known already says of which part it is."""
    for name, value in sorted(data.items(), key=lambda item: isinstance(item[1], Mapping)):
        if name in _HIDDEN:
            continue
        if isinstance(value, Mapping):
            if shown := one_line(value.get("displayName") or ""):
                yield one_line(_label(name)), shown
            inside = {inner: one for inner, one in value.items() if inner not in ("name", "displayName")}
            yield from _facts(inside, _label(name), known)
        elif shown := _value(name, value):
            label = _label(name)
            yield one_line(f"{part}: {label.lower()}" if label in known else label), shown
            known.add(label)


def _listed(name: str, values: Sequence[Any]) -> str:
    """Returns the first entries: texts, or what spent the most with its spend."""
    named = [_spender(one) if isinstance(one, Mapping) else _entry(name, one) for one in values[:MOST_LISTED]]
    return one_line(", ".join(filter(None, named)), MAX_SENTENCE_CHARACTERS)


def _entry(name: str, value: object) -> str:
    return _label(str(value)).lower() if name == _FIELDS else one_line(value)


def _spender(entry: Mapping[str, Any]) -> str:
    name = one_line(entry.get("displayName") or entry.get("model") or entry.get("name") or "")
    spent = credits_text(entry.get("spentNanoCredits"))
    return f"{name} ({spent})" if name and spent else name


def _label(name: str) -> str:
    words = _WORDS.sub(" ", name.removesuffix(_CREDITS)).lower()
    return _LABELS.get(name, f"{words[:1].upper()}{words[1:]}")


def _value(name: str, value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, list):
        return _listed(name, value)
    if name.endswith(_CREDITS):
        return credits_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    if text.startswith(_RESOURCE):
        return one_line(text.rpartition("/")[2])
    return _moment(text) if name.endswith(_TIME) else one_line(text)


def _moment(text: str) -> str:
    try:
        return f"{dt.datetime.fromisoformat(text).astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return one_line(text)


def _clock(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%m-%d %H:%M}"


def _urgency(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
