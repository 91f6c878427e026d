"""Which rule speaks where, if rules of lower scopes override one of an upper scope. Pure.

A rule speaks of its scope and of what is inside. An override takes its place in a scope further inside: with other thresholds or
recipients, or switched off. Of several overrides of one rule, the innermost speaks. A rule, and an override, can forbid overrides
inside its own scope. Those then have no effect, also if they existed before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway_core.model.alerts.rules import Exclusion, Place, Rule
from gateway_core.model.organization.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule with its place among the others."""

    rule: Rule
    place: Place
    """Of its scope."""
    overrides: str = ""
    """The id of the rule that it overrides; empty if it is none's override."""
    forbids_overrides: bool = False
    is_enabled: bool = True


def in_effect(stored: Sequence[StoredRule]) -> list[Rule]:
    """Returns the rules that are enabled, each with the scopes in which another one speaks instead."""
    by_id = {one.rule.rule_id: one for one in stored}
    found = []
    for one in stored:
        root = by_id.get(one.overrides or one.rule.rule_id)
        if root is None or not one.is_enabled:
            continue
        family = effective_overrides(root, stored)
        if one.overrides and one not in family:
            continue
        inner = [other for other in family if other is not one and _is_inside(other, one)]
        exclusions = tuple(Exclusion(other.rule.scope, other.rule.includes_descendants) for other in inner)
        found.append(replace(one.rule, exclusions=exclusions))
    return found


def effective_overrides(root: StoredRule, stored: Iterable[StoredRule]) -> Sequence[StoredRule]:
    """Returns the overrides of a rule that no rule above them forbids."""
    family = [one for one in stored if one.overrides == root.rule.rule_id and _is_inside(one, root)]
    return [one for one in family if forbidding(one.place, root, family, but=one) is None]


def forbidding(
    place: Place, root: StoredRule, family: Iterable[StoredRule], but: StoredRule | None = None
) -> StoredRule | None:
    """Returns the rule that forbids an override in a place: the overridden one, or another override around the place."""
    if root.forbids_overrides:
        return root
    around = (one for one in family if one is not but and one.rule.scope != place.scope and one.rule.speaks_of(place))
    return next((one for one in around if one.forbids_overrides), None)


def speaker(root: StoredRule, place: Place, stored: Iterable[StoredRule]) -> StoredRule:
    """Returns which rule speaks of a place of which `root` would: itself, or the innermost override."""
    found = root
    for one in effective_overrides(root, stored):
        if one.rule.speaks_of(place) and (found is root or _is_inside(one, found)):
            found = one
    return found


def scopes_around(place: Place) -> list[Scope]:
    """Returns the scopes whose rules are inherited in a place, without the place itself: the groups and the member above it."""
    groups = [Scope(ScopeKind.GROUP, group) for group in place.group_path]
    members = [Scope(ScopeKind.MEMBER, place.member)] if place.member else []
    return [scope for scope in (*groups, *members) if scope != place.scope]


def _is_inside(inner: StoredRule, outer: StoredRule) -> bool:
    """Whether a rule's scope is strictly inside another's, of which the other speaks."""
    return inner.rule.scope != outer.rule.scope and outer.rule.speaks_of(inner.place)
