"""Decides which incidents are over although nothing has told of a recovery. Pure.

An incident goes on while its rule would still report what is so. The rule may have been deleted, switched off or changed, it may
not name the recovery, or the period of the budget may have ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.model.alerts.event_types import (
    CREDIT_LOW,
    ENDS,
    EXHAUSTED,
    KEYS_REACHED,
    SEATS_REACHED,
    SPEND_REACHED,
    THRESHOLD_REACHED,
)
from gateway_core.model.alerts.rules import Place, Rule

OPENS: Final = frozenset({*ENDS.values(), EXHAUSTED, SPEND_REACHED})
"""Events that begin something which ends. Others open incidents that people resolve."""
_BY_THRESHOLD: Final = frozenset({THRESHOLD_REACHED, SEATS_REACHED, KEYS_REACHED, SPEND_REACHED})


@dataclass(frozen=True, slots=True)
class Subject:
    """What the alerts of one incident have in common."""

    rule_id: str
    place: Place
    occasion: str


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident that is open in a channel."""

    channel: str
    subject: Subject
    event_id: str
    """Of the alert that opened it."""
    event_type: str
    reached: tuple[str, ...]
    """The thresholds that the rule holds for reached now."""
    is_exhausted: bool
    """Whether calls were refused under the present limit of the budget."""


def over(incidents: Iterable[Incident], rules: Iterable[Rule]) -> Sequence[Incident]:
    """Returns the incidents that nothing upholds any more, given the rules that are in effect."""
    by_id = {rule.rule_id: rule for rule in rules}
    return [one for one in incidents if not _goes_on(one, by_id)]


def _goes_on(incident: Incident, rules: Mapping[str, Rule]) -> bool:
    rule = rules.get(incident.subject.rule_id)
    if rule is None or not rule.speaks_of(incident.subject.place):
        return False
    if incident.is_exhausted and EXHAUSTED in rule.event_types:
        return True
    begins = THRESHOLD_REACHED if incident.event_type == EXHAUSTED else incident.event_type
    return begins in rule.event_types and any(_has(rule, begins, one) for one in incident.reached)


def _has(rule: Rule, event_type: str, threshold: str) -> bool:
    """Whether a rule still has a threshold that was reached."""
    if event_type in _BY_THRESHOLD:
        return any(one.encode() == threshold for one in rule.thresholds)
    return event_type != CREDIT_LOW or threshold in rule.conditions.credit_thresholds
