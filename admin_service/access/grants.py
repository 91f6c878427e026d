"""Limits what a group admin may grant: no one grants more than they hold (INV-14).

A group admin holds what the guardrails of their own group, the groups above it and the organization leave. A limit that they set
further down must not be wider than any of those. Removing a limit grants nothing, because the guardrails above still apply.

A guardrail in shadow mode refuses no call, so its budget and whitelist do not bound a grant. Budgets with different cycles are not
compared; a call has to fit into all of them anyway. A limit must fit what the admin holds for as long as it lasts: their own
temporary limit counts while it is in force, and a temporary raise does not allow a lasting limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from admin_service.access.permissions import Actor, Role, Target, TargetKind
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.guardrails import GuardrailMode
from gateway_core.model.limits.model_whitelists import NOTHING_OFFERED, ModelWhitelist, Offered, is_subset
from gateway_core.model.limits.temporary_limits import TemporaryLimit
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
    temporary: TemporaryLimit | None = None
    """None unless it is in force."""

    def least_budget(self, end_epoch_us: int | None) -> int | None:
        """Returns the smallest budget from now until an instant, or forever. None means no budget at any time."""
        temporary, own = self.temporary, self.limits.budget_nano_credits
        if temporary is None or temporary.budget_nano_credits is None:
            return own
        if own is None or (end_epoch_us is not None and end_epoch_us <= temporary.end_epoch_us):
            return temporary.budget_nano_credits
        return min(own, temporary.budget_nano_credits)


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


def first_exceeded(
    granted: Limits,
    held: Iterable[HeldLimits],
    end_epoch_us: int | None = None,
    *,
    offered: Offered = NOTHING_OFFERED,
) -> Scope | None:
    """Returns the first scope whose limits are exceeded by the granted ones, or None.

    Args:
        granted: what is granted.
        held: the guardrails at or above the admin.
        end_epoch_us: when the grant ends, in microseconds; None if it lasts.
        offered: the models on offer, to compare whitelists.
    """
    for own in held:
        if _exceeds(granted, own, end_epoch_us, offered):
            return own.scope
    return None


def _exceeds(granted: Limits, held: HeldLimits, end_epoch_us: int | None, offered: Offered) -> bool:
    own = held.limits
    if _is_above(granted.key_limit, own.key_limit):  # holds in shadow mode too
        return True
    if held.mode is GuardrailMode.SHADOW:
        return False
    if granted.cycle is own.cycle and _is_above(granted.budget_nano_credits, held.least_budget(end_epoch_us)):
        return True
    whitelist = granted.model_whitelist
    return whitelist is not None and not is_subset(whitelist, own.model_whitelist, offered)


def _is_above(granted: int | None, own: int | None) -> bool:
    return granted is not None and own is not None and granted > own
