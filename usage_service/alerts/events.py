"""Alert events: their ids and what receivers get. Pure.

The data of an event has a version, and grows only by new fields within it. Amounts are nano-credits in decimal text, as in the API.
"""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.alerts.crossings import Crossing
from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.alerts.event_types import ENDS
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, period_at
from gateway_core.model.organization.scope_names import resource_name

_ID_BYTES: Final = 20


@dataclass(frozen=True, slots=True)
class CrossingCall:
    """The call whose charge reached a threshold."""

    sequence: int
    hold_id: str
    spent_before_nano_credits: int
    spent_after_nano_credits: int


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a rule tells about."""

    event_type: str
    severity: str
    place: Place
    occasion: str
    """Tells it apart from other happenings of its kind: a counter, or an id."""
    details: Mapping[str, object]
    """What receivers get besides what all events have."""
    threshold: str = ""
    epoch: int = 0
    sequence: int | None = None
    """The number in the ledger of the call that caused it."""
    hold_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What is stored about a happening that a rule tells about."""

    event_id: str
    rule: Rule
    happening: Happening
    data: Mapping[str, object]


def event_of(organization: str, rule: Rule, happening: Happening) -> Event:
    """Returns the event of a happening. It has the same id whenever and wherever it is computed."""
    scope = happening.place.scope
    if rule.severity and happening.event_type not in ENDS:
        happening = replace(happening, severity=rule.severity)
    key = (
        organization,
        rule.rule_id,
        scope.encode(),
        happening.occasion,
        happening.threshold,
        str(happening.epoch),
    )
    data = {
        "version": VERSION,
        "severity": happening.severity,
        "organization": f"organizations/{organization}",
        "rule": f"organizations/{organization}/notificationRules/{rule.rule_id}",
        "scope": {
            "name": resource_name(organization, scope.kind, scope.scope_id),
            "displayName": happening.place.display_name,
        },
        **happening.details,
    }
    return Event(hashed_id("evt", *key), rule, happening, data)


def crossing_happening(organization: str, crossing: Crossing, call: CrossingCall | None, zone: ZoneInfo) -> Happening:
    """Returns what a budget's crossing is for the one who gets an alert."""
    budget = crossing.budget
    spent = call.spent_after_nano_credits if call else budget.spent_nano_credits
    proof = None
    if call is not None:
        proof = {
            "ledgerPosition": str(call.sequence),
            "call": f"organizations/{organization}/calls/{call.hold_id}",
            "spentBeforeNanoCredits": str(call.spent_before_nano_credits),
            "spentAfterNanoCredits": str(call.spent_after_nano_credits),
        }
    details: dict[str, object] = {
        "budget": budget_data(budget.counter, budget.limit_nano_credits, zone),
        "threshold": {
            "percent": crossing.threshold.percent,
            "amountNanoCredits": str(crossing.amount_nano_credits),
        },
        "spentNanoCredits": str(spent),
        "proof": proof,
    }
    return Happening(
        crossing.event_type,
        crossing.severity,
        budget.place,
        budget.counter.encode(),
        details,
        crossing.threshold_text,
        crossing.epoch,
        call.sequence if call else None,
        call.hold_id if call else None,
    )


def hashed_id(prefix: str, *key: str) -> str:
    """Returns an id that depends on nothing but the parts of a key."""
    digest = hashlib.sha256("\n".join(key).encode()).digest()[:_ID_BYTES]
    return f"{prefix}-{base64.b32hexencode(digest).decode().lower()}"


def encoded(data: Mapping[str, object]) -> str:
    """Returns the data as JSON."""
    return json.dumps(data, ensure_ascii=False)


def budget_data(counter: Counter, limit_nano_credits: int, zone: ZoneInfo) -> Mapping[str, object]:
    """Returns what receivers get about a budget in one of its periods."""
    period = period_at(counter.cycle, zone, counter.cycle_start_epoch_s)
    return {
        "limitNanoCredits": str(limit_nano_credits),
        "cycle": counter.cycle.value,
        "models": counter.models or None,
        "periodStartTime": None if counter.cycle is Cycle.NEVER else time_text(period.start_epoch_s),
        "periodEndTime": None if period.end_epoch_s is None else time_text(period.end_epoch_s),
    }


def time_text(epoch_s: float) -> str:
    """Returns an instant as the API writes it."""
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC).isoformat().replace("+00:00", "Z")
