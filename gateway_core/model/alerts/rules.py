"""Which rules speak of which scopes, and at which thresholds of a budget. Pure."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway_core.model.alerts.schedules import AT_ONCE, Schedule
from gateway_core.model.organization.scopes import Scope, ScopeKind

_ALERT_FROM_PERCENT: Final = 95
_LONG_AGO: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scope is in its organization."""

    scope: Scope
    group_path: tuple[str, ...] = ()
    """To the group itself, or to the group of the member or key, from the top."""
    member: str = ""
    """The member itself, or the owner of the key; otherwise empty."""
    display_name: str = ""

    def is_inside(self, outer: Scope) -> bool:
        """Returns whether it is the scope or inside it."""
        match outer.kind:
            case ScopeKind.ORGANIZATION:
                return True
            case ScopeKind.GROUP:
                return outer.scope_id in self.group_path
            case ScopeKind.MEMBER:
                return outer.scope_id == self.member
            case ScopeKind.API_KEY:
                return outer == self.scope


@dataclass(frozen=True, order=True, slots=True)
class Threshold:
    """A share of a budget, or an amount. The amount of an absolute threshold does not depend on the budget."""

    percent: int | None = None
    amount_nano_credits: int | None = None

    def encode(self) -> str:
        """Returns it as it is stored: `80%`, or an amount in nano-credits."""
        return f"{self.percent}%" if self.percent is not None else f"{self.amount_nano_credits}"

    def amount_of(self, budget_nano_credits: int) -> int:
        """Returns the spend that reaches it, in nano-credits: exactly at the threshold counts as reached."""
        if self.percent is None:
            return self.amount_nano_credits or 0
        return -(-budget_nano_credits * self.percent // 100)

    @property
    def severity(self) -> str:
        """How urgent it is to reach it."""
        return "ALERT" if self.percent is not None and self.percent >= _ALERT_FROM_PERCENT else "WARNING"


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom a rule speaks: `OWNER`, `GROUP_ADMINS`, `SUPER_ADMINS`, or a `MEMBER` or `CHANNEL` with its id."""

    kind: str
    recipient_id: str = ""
    group: str = ""
    """Of a member who was in the group of the rule when the rule named them: who leaves it gets nothing more."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A scope in which another rule speaks instead."""

    scope: Scope
    includes_descendants: bool

    def has(self, place: Place) -> bool:
        """Returns whether a place is excluded."""
        return place.scope == self.scope or (self.includes_descendants and place.is_inside(self.scope))


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rule says about events that have no thresholds of a budget. Stored by these names, if it differs from here."""

    credit_left_nano_credits: int = 0
    """Credit is low at this amount. 0: an amount does not matter."""
    credit_left_days: int = 7
    """Credit is low if it lasts for no more days, at the rate of the last seven. 0: days do not matter."""
    refused_percent: int = 20
    """Refusals are sustained from this share of the calls in five minutes."""
    refused_min_calls: int = 20
    """Fewer calls in five minutes do not matter."""
    failed_percent: int = 50
    """A provider is down from this share of failed calls in five minutes."""
    expires_in_days: int = 7
    unused_days: int = 90

    @property
    def credit_amount_threshold(self) -> str:
        """The amount at which credit is low, as the threshold of its state."""
        return f"amount {self.credit_left_nano_credits}"

    @property
    def credit_days_threshold(self) -> str:
        """The days at which credit is low, as the threshold of its state."""
        return f"{self.credit_left_days} days"

    @property
    def credit_thresholds(self) -> frozenset[str]:
        """Those of them that matter."""
        amount = {self.credit_amount_threshold} if self.credit_left_nano_credits else set()
        return frozenset(amount | ({self.credit_days_threshold} if self.credit_left_days else set()))


@dataclass(frozen=True, slots=True)
class Rule:
    """What is worth an alert, and who gets it."""

    rule_id: str
    event_types: frozenset[str]
    scope: Scope
    includes_descendants: bool
    thresholds: tuple[Threshold, ...]
    recipients: tuple[Recipient, ...]
    severity: str = ""
    """Of its alerts, but for recoveries. Empty: it follows from the event and the threshold."""
    schedule: Schedule = AT_ONCE
    exclusions: tuple[Exclusion, ...] = ()
    conditions: Conditions = Conditions()
    create_time: dt.datetime = _LONG_AGO

    def speaks_of(self, place: Place) -> bool:
        """Returns whether the rule is about a scope, and no override of it is."""
        is_about = place.scope == self.scope or (self.includes_descendants and place.is_inside(self.scope))
        return is_about and not any(one.has(place) for one in self.exclusions)


def thresholds_of(percents: Iterable[int], amounts: Iterable[int]) -> tuple[Threshold, ...]:
    """Returns the thresholds of a rule, each once."""
    found = {Threshold(percent=percent) for percent in percents}
    found |= {Threshold(amount_nano_credits=amount) for amount in amounts}
    return tuple(sorted(found, key=lambda one: (one.percent or 0, one.amount_nano_credits or 0)))


def without_leavers(rules: Iterable[Rule], group_paths: Mapping[str, Collection[str]]) -> list[Rule]:
    """Returns the rules without the members who have left the group in which the rule named them.

    Args:
        rules: the rules.
        group_paths: of the members that are named with a group, by id.
    """
    return [
        replace(
            rule,
            recipients=tuple(
                one for one in rule.recipients if not one.group or one.group in group_paths.get(one.recipient_id, ())
            ),
        )
        for rule in rules
    ]
