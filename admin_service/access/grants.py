"""Limits what a group admin may grant: no one grants more than they hold (INV-14).

A group admin holds what the guardrails of their own group, the groups above it and the organization leave. A limit that they set
further down must not be wider than any of those. Removing a limit grants nothing, because the guardrails above still apply.

A guardrail in shadow mode refuses no call, so its budget and whitelist do not bound a grant. Budgets with different cycles are not
compared; a call has to fit into all of them anyway.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from admin_service.access.permissions import Actor, Role, Target, TargetKind
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.guardrails import GuardrailMode
from gateway_core.model.limits.model_whitelists import ModelWhitelist, is_subset
from gateway_core.model.organization.scopes import Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a guardrail that a grant is compared by. None means no limit."""

    budget_nano_credits: int | None = None
    cycle: Cycle = Cycle.NEVER
    """The cycle of the budget."""
    model_whitelist: ModelWhitelist | None = None
    key_limit: int | None = None


@dataclass(frozen=True, slots=True)
class HeldLimits:
    """The guardrail of a scope at or above the admin who grants."""

    scope: Scope
    limits: Limits
    mode: GuardrailMode = GuardrailMode.ENFORCE


def is_bounded(actor: Actor, target: Target) -> bool:
    """Whether the actor's own limits bound what they set on the target. They bound a group admin who sets limits for others.

    No limit bounds a Super Admin. A limit on one of the actor's own keys grants nothing to others.
    """
    if actor.role not in {Role.L1_ADMIN, Role.SUB_ADMIN}:
        return False
    return target.kind is not TargetKind.BELONGING or target.member != actor.member


def scopes_above(actor: Actor) -> tuple[Scope, ...]:
    """The scopes whose limits the actor holds, narrowest first: their own group, the groups above it, the organization."""
    groups = (Scope(ScopeKind.GROUP, group) for group in reversed(actor.group_path))
    return (*groups, Scope(ScopeKind.ORGANIZATION, actor.organization))


def first_exceeded(granted: Limits, held: Iterable[HeldLimits]) -> Scope | None:
    """Returns the first scope whose limits are exceeded by the granted ones, or None."""
    for own in held:
        if _exceeds(granted, own.limits, is_shadow=own.mode is GuardrailMode.SHADOW):
            return own.scope
    return None


def _exceeds(granted: Limits, own: Limits, *, is_shadow: bool) -> bool:
    if _is_above(granted.key_limit, own.key_limit):  # holds in shadow mode too
        return True
    if is_shadow:
        return False
    if granted.cycle is own.cycle and _is_above(granted.budget_nano_credits, own.budget_nano_credits):
        return True
    return granted.model_whitelist is not None and not is_subset(granted.model_whitelist, own.model_whitelist)


def _is_above(granted: int | None, own: int | None) -> bool:
    return granted is not None and own is not None and granted > own
