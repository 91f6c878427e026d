"""Limits of a key that were set from above its member bind the member: anybody may tighten them, but only the place that set a
limit, or one above it, lifts it. Pure.

A place is the organization (`ORGANIZATION`) or the id of a group. Each place above the member holds at most one bound of a limit:

    expire_time   organization: 2027-01-01    europe: 2026-06-01    the key: 2026-05-01

The member may choose any expiry until 2026-06-01. An L1 Admin of `europe` may choose any until 2027-01-01, which replaces the bound
of `europe` and of the groups below it. What the member sets is no bound.
"""

import datetime as dt
import ipaddress
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from admin_service.access.permissions import Actor, Role
from gateway_core.model.limits.model_whitelists import NOTHING_OFFERED, Offered, compile_stored, is_subset

ORGANIZATION: Final = ""
_WHITELIST: Final = "model_whitelist"

Bounds = Mapping[str, Mapping[str, Any]]
"""The bounds by limit and place. Values are JSON."""
Limits = Mapping[str, Any]
"""Limits of a key as JSON values, by name. None means no limit."""


class BoundError(Exception):
    """A limit would be wider than one that was set above the caller."""

    def __init__(self, limit: str, place: str) -> None:
        super().__init__(limit, place)
        self.limit = limit
        self.place = place


@dataclass(frozen=True, slots=True)
class Setter:
    """Who changes the limits of a key."""

    actor: Actor
    owner: str
    """Id of the member who owns the key."""
    owner_path: Sequence[str]
    """Path of the owner's group."""
    offered: Offered = field(default_factory=lambda: NOTHING_OFFERED)
    """The models on offer, to compare whitelists."""

    @property
    def is_owner(self) -> bool:
        """Whether they change their own key, which sets no bound."""
        return self.actor.member == self.owner

    @property
    def place(self) -> str:
        """Where they set a limit."""
        return ORGANIZATION if self.actor.role is Role.SUPER_ADMIN else self.actor.group_path[-1]

    def is_at_or_above(self, place: str) -> bool:
        """Whether they may lift what was set there. A group that is no longer above the owner counts as the organization."""
        if self.actor.role is Role.SUPER_ADMIN:
            return True
        if self.actor.role is Role.MEMBER or not self.actor.group_path:
            return False
        path = list(self.owner_path)
        return place in path and self.actor.group_path[-1] in path[: path.index(place) + 1]


def changed_bounds(bounds: Bounds, setter: Setter, fields: Collection[str], limits: Limits) -> Bounds:
    """Returns the bounds after a change.

    Args:
        bounds: those so far.
        setter: who changes the limits.
        fields: the limits that they name.
        limits: all limits after the change.

    Raises:
        BoundError: a named limit is wider than one set above the setter.
    """
    changed = {limit: dict(places) for limit, places in bounds.items()}
    for limit in sorted(fields):
        value = limits[limit]
        above = {place: bound for place, bound in bounds.get(limit, {}).items() if not setter.is_at_or_above(place)}
        for place, bound in above.items():
            if value is None or _is_wider(limit, value, bound, setter.offered):
                raise BoundError(limit, place)
        changed[limit] = above | ({} if setter.is_owner or value is None else {setter.place: value})
    return {limit: places for limit, places in changed.items() if places}


def require_enforced(bounds: Bounds, setter: Setter, limits: Collection[str]) -> None:
    """Checks that a guardrail may change to shadow mode, which lifts all of its limits.

    Raises:
        BoundError: one of them was set above the setter.
    """
    for limit in sorted(bounds.keys() & set(limits)):
        for place in bounds[limit]:
            if not setter.is_at_or_above(place):
                raise BoundError(limit, place)


def _is_wider(limit: str, value: Any, bound: Any, offered: Offered) -> bool:  # noqa: ANN401 - JSON
    if limit == _WHITELIST:
        return not is_subset(compile_stored(value), compile_stored(bound), offered)
    return _IS_WIDER[limit](value, bound)


def _is_greater(value: Any, bound: Any) -> bool:  # noqa: ANN401 - JSON
    return bool(value > bound)


def _is_later(value: str, bound: str) -> bool:
    return dt.datetime.fromisoformat(value) > dt.datetime.fromisoformat(bound)


def _has_other_addresses(value: Sequence[str], bound: Sequence[str]) -> bool:
    allowed = [ipaddress.ip_network(network) for network in bound]
    return not all(any(_is_within(ipaddress.ip_network(network), other) for other in allowed) for network in value)


def _is_within(network: Any, other: Any) -> bool:  # noqa: ANN401 - networks of either version
    return network.version == other.version and bool(network.subnet_of(other))


def _is_other_budget(value: Sequence[Any], bound: Sequence[Any]) -> bool:
    """Whether the amount is higher, more is carried over, or the cycle is another one. Budgets of different cycles are not
    comparable.
    """
    carried, most_carried = (sum(budget[2:3]) for budget in (value, bound))
    return bool(value[1] != bound[1] or value[0] > bound[0] or carried > most_carried)


def _has_wider_rates(value: Sequence[Sequence[Any]], bound: Sequence[Sequence[Any]]) -> bool:
    present = {(models, unit): numbers for models, unit, *numbers in value}
    for models, unit, *numbers in bound:
        own = present.get((models, unit), (None, None))
        if any(most is not None and (one is None or one > most) for one, most in zip(own, numbers, strict=True)):
            return True
    return False


def _has_wider_budgets(value: Sequence[Sequence[Any]], bound: Sequence[Sequence[Any]]) -> bool:
    """Whether a budget for some models is missing or wider than its bound."""
    present = {models: budget for models, *budget in value}
    return any(models not in present or _is_other_budget(present[models], budget) for models, *budget in bound)


_IS_WIDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "expire_time": _is_later,
    "ip_allow_list": _has_other_addresses,
    "budget": _is_other_budget,
    "requests_per_minute": _is_greater,
    "tokens_per_minute": _is_greater,
    "concurrency_limit": _is_greater,
    "rate_limits": _has_wider_rates,
    "model_budgets": _has_wider_budgets,
}
"""For each limit besides whitelists, whether a value is wider than a bound."""

GUARDRAIL_LIMITS: Final = (frozenset(_IS_WIDER) | {_WHITELIST}) - {"expire_time", "ip_allow_list"}
"""The limits that are part of the key's guardrail."""
_MODE: Final = "mode"
_SHADOW: Final = "SHADOW"


def mode_after(bounds: Bounds, setter: Setter, named: str | None, present: str) -> tuple[str, Bounds]:
    """Returns the mode of the key's guardrail after a change that `changed_bounds` allowed, and the bounds with it.

    A limit from above is enforced, even if the owner had set shadow mode before, unless an admin chose shadow mode.
    """
    chosen_above = _MODE in bounds
    if named is None:
        is_new_bound = not setter.is_owner and bool(bounds.keys() & GUARDRAIL_LIMITS)
        return ("ENFORCE" if is_new_bound and not chosen_above else present), bounds
    others = {limit: places for limit, places in bounds.items() if limit != _MODE}
    if setter.is_owner or named != _SHADOW:
        return named, others
    return named, {**others, _MODE: {setter.place: named}}
