"""Alert events: their ids and what receivers get. Pure.

The data of an event has a version, and grows only by new fields within it. Amounts are nano-credits in decimal text, as in the API.
"""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from gateway_core.model.alerts.crossings import Budget, Crossing
from gateway_core.model.alerts.rules import Place
from gateway_core.model.limits.cycles import Cycle, period_at
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.model.organization.service_accounts import is_service_account

VERSION: Final = 1
REMOVED: Final = 2**63 - 1
"""The limit of a budget that was removed."""
_ID_BYTES: Final = 20
_COLLECTIONS: Final = {ScopeKind.GROUP: "groups", ScopeKind.MEMBER: "members", ScopeKind.API_KEY: "apiKeys"}


@dataclass(frozen=True, slots=True)
class CrossingCall:
    """The call whose charge reached a threshold."""

    sequence: int
    hold_id: str
    spent_before_nano_credits: int
    spent_after_nano_credits: int


@dataclass(frozen=True, slots=True)
class Event:
    """What is stored about a crossing."""

    event_id: str
    crossing: Crossing
    call: CrossingCall | None
    data: Mapping[str, object]


def event_of(organization: str, crossing: Crossing, call: CrossingCall | None, zone: ZoneInfo) -> Event:
    """Returns the event of a crossing. It has the same id whenever and wherever it is computed."""
    key = (
        organization,
        crossing.rule.rule_id,
        crossing.budget.place.scope.encode(),
        crossing.budget.counter.encode(),
        crossing.threshold_text,
        str(crossing.epoch),
    )
    return Event(hashed_id("evt", *key), crossing, call, _data(organization, crossing, call, zone))


def hashed_id(prefix: str, *key: str) -> str:
    """Returns an id that depends on nothing but the parts of a key."""
    digest = hashlib.sha256("\n".join(key).encode()).digest()[:_ID_BYTES]
    return f"{prefix}-{base64.b32hexencode(digest).decode().lower()}"


def encoded(data: Mapping[str, object]) -> str:
    """Returns the data as JSON."""
    return json.dumps(data, ensure_ascii=False)


def resource_name(organization: str, place: Place) -> str:
    """Returns the name of a scope in the API."""
    root = f"organizations/{organization}"
    scope = place.scope
    if scope.kind is ScopeKind.ORGANIZATION:
        return root
    if scope.kind is ScopeKind.MEMBER and is_service_account(scope.scope_id):
        return f"{root}/serviceAccounts/{scope.scope_id}"
    return f"{root}/{_COLLECTIONS[scope.kind]}/{scope.scope_id}"


def _data(organization: str, crossing: Crossing, call: CrossingCall | None, zone: ZoneInfo) -> Mapping[str, object]:
    budget = crossing.budget
    is_removed = budget.limit_nano_credits == REMOVED
    spent = call.spent_after_nano_credits if call else budget.spent_nano_credits
    data: dict[str, object] = {
        "version": VERSION,
        "severity": crossing.severity,
        "organization": f"organizations/{organization}",
        "rule": f"organizations/{organization}/notificationRules/{crossing.rule.rule_id}",
        "scope": {"name": resource_name(organization, budget.place), "displayName": budget.place.display_name},
        "budget": _budget(budget, zone),
        "threshold": {
            "percent": crossing.threshold.percent,
            "amountNanoCredits": None if is_removed else str(crossing.amount_nano_credits),
        },
        "spentNanoCredits": str(spent),
        "proof": None,
    }
    if call is not None:
        data["proof"] = {
            "ledgerPosition": str(call.sequence),
            "call": f"organizations/{organization}/calls/{call.hold_id}",
            "spentBeforeNanoCredits": str(call.spent_before_nano_credits),
            "spentAfterNanoCredits": str(call.spent_after_nano_credits),
        }
    return data


def _budget(budget: Budget, zone: ZoneInfo) -> Mapping[str, object]:
    counter = budget.counter
    period = period_at(counter.cycle, zone, counter.cycle_start_epoch_s)
    return {
        "limitNanoCredits": None if budget.limit_nano_credits == REMOVED else str(budget.limit_nano_credits),
        "cycle": counter.cycle.value,
        "models": counter.models or None,
        "periodStartTime": None if counter.cycle is Cycle.NEVER else _text(period.start_epoch_s),
        "periodEndTime": None if period.end_epoch_s is None else _text(period.end_epoch_s),
    }


def _text(epoch_s: float) -> str:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC).isoformat().replace("+00:00", "Z")
