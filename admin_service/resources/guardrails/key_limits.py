"""Applies to the guardrail of a key what was set from above its member, and what the organization requires."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from admin_service.resources.api_keys.bound_errors import bounded, enforced, temporarily_bounded
from admin_service.resources.api_keys.bounds import GUARDRAIL_LIMITS, Bounds, Setter, mode_after
from admin_service.resources.api_keys.requirements import key_requirements
from admin_service.resources.api_keys.store import key_bounds
from admin_service.resources.api_keys.temporary_bounds import TEMPORARY
from admin_service.resources.guardrails.store import GuardrailRow, Settings
from admin_service.resources.model_whitelists.validation import offered_models
from admin_service.serving.change_transaction import Change
from gateway_core.model.limits.guardrails import GuardrailMode
from gateway_core.model.limits.model_whitelists import NOTHING_OFFERED
from gateway_core.model.organization.scopes import ScopeKind

_OF_BUDGET: Final = frozenset({"budget_nano_credits", "cycle", "soft_budget", "rollover"})


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The settings of a guardrail after a change."""

    settings: Settings
    new_bounds: Bounds | None = None
    """The bounds of the key, if they change."""


async def changed_key_limits(
    change: Change, row: GuardrailRow, settings: Settings, fields: Collection[str]
) -> KeyLimits:
    """Returns the settings of a guardrail after a change that names these fields. Only the guardrails of keys have bounds.

    Raises:
        AdminError: LIMIT_SET_ABOVE, KEY_REQUIREMENT_UNMET.
    """
    if row.scope.kind is not ScopeKind.API_KEY:
        return KeyLimits(settings)
    key = await key_bounds(change.connection, row.organization, row.scope.scope_id)
    offered = await offered_models(change.connection) if "model_whitelist" in fields else NOTHING_OFFERED
    setter = Setter(change.caller.actor, key.member, key.group_path, offered)
    named = {"budget" if field in _OF_BUDGET else field for field in fields}
    if "cycle" in fields:
        named.add("model_budgets")
    # A budget that refuses nothing is none.
    limits = {**settings.limit_values, **({} if settings.refuses else {"budget": None})}
    bounds = bounded(key.bounds, setter, named & GUARDRAIL_LIMITS, limits)
    if TEMPORARY in named:
        temporary = settings.temporary
        if temporary and not settings.refuses:
            temporary = replace(temporary, budget_nano_credits=None)
        bounds = temporarily_bounded(bounds, setter, limits, temporary)
    is_shadow = settings.mode == GuardrailMode.SHADOW
    if is_shadow and row.settings.mode != GuardrailMode.SHADOW:
        enforced(key.bounds, setter, GUARDRAIL_LIMITS | {TEMPORARY})
    mode, bounds = mode_after(bounds, setter, settings.mode if "mode" in named else None, settings.mode)
    required = await key_requirements(change.connection, row.organization)
    required.check_guardrail(
        named,
        whitelist=settings.model_whitelist is not None,
        budget=limits["budget"] is not None,
        enforced=mode == GuardrailMode.ENFORCE,
    )
    return KeyLimits(replace(settings, mode=mode), None if bounds == key.bounds else bounds)


async def require_resettable(change: Change, row: GuardrailRow) -> None:
    """Checks that the caller may lift the budget, because a reset lifts what it has spent.

    Raises:
        AdminError: LIMIT_SET_ABOVE.
    """
    if row.scope.kind is ScopeKind.API_KEY:
        key = await key_bounds(change.connection, row.organization, row.scope.scope_id)
        enforced(key.bounds, Setter(change.caller.actor, key.member, key.group_path), {"budget", TEMPORARY})
