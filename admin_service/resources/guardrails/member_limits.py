"""Sets limits of a member's guardrail from outside of the guardrail's own RPCs: with an invite, or by an import."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.member_limits_pb2 import MemberLimits
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from admin_service.access.permissions import Permission, Target
from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.api.guardrail_names import guardrail_name
from admin_service.resources.api_keys.messages import check_whitelist
from admin_service.resources.guardrails import store
from admin_service.resources.guardrails.messages import (
    CYCLES,
    check_rollover,
    guardrail_message,
    rollover_asked,
    rollover_message,
)
from admin_service.resources.guardrails.service import require_held
from admin_service.resources.guardrails.store import GuardrailRow, Settings
from admin_service.resources.model_whitelists.validation import require_known_models
from admin_service.serving.change_transaction import Change
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

LimitValues = Mapping[str, Any]
"""Values of `Settings` by name. None removes a limit."""

REMOVABLE: Final = ("budget_nano_credits", "requests_per_minute", "model_whitelist")
_CYCLE_OF: Final = {value: name for name, value in CYCLES.items()}


def limit_values(limits: MemberLimits, removed: Collection[str] = ()) -> LimitValues:
    """Returns the values that a message sets, and None for the removed ones.

    Raises:
        AdminError: FIELD_INVALID, a limit cannot be removed, is both set and removed, or is malformed.
    """
    values: dict[str, Any] = {}
    for name in ("budget_nano_credits", "requests_per_minute"):
        if limits.HasField(name):
            values[name] = getattr(limits, name)
    if limits.cycle:
        values["cycle"] = _CYCLE_OF[limits.cycle]
    if limits.HasField("model_whitelist"):
        values["model_whitelist"] = list(limits.model_whitelist.entries)
    if limits.HasField("rollover"):
        values["rollover"] = rollover_asked(limits.rollover)
    violations = list(check_whitelist(limits.model_whitelist, "limits.model_whitelist"))
    violations += check_rollover(limits.rollover, "limits.rollover")
    for name in removed:
        if name not in REMOVABLE:
            violations.append(FieldViolation("removed_limits", f"has {name!r}; use {', '.join(REMOVABLE)}"))
        elif name in values:
            violations.append(FieldViolation("removed_limits", f"has {name}, which the row also sets"))
    if violations:
        raise invalid_fields(*violations)
    return {**values, **dict.fromkeys(removed)}


def member_limits_message(values: LimitValues) -> MemberLimits | None:
    """Returns the message of values without removed ones; None if there are none."""
    if not values:
        return None
    whitelist, rollover = values.get("model_whitelist"), values.get("rollover")
    return MemberLimits(
        budget_nano_credits=values.get("budget_nano_credits"),
        cycle=CYCLES[values["cycle"]] if "cycle" in values else Guardrail.CYCLE_UNSPECIFIED,
        requests_per_minute=values.get("requests_per_minute"),
        model_whitelist=None if whitelist is None else ModelWhitelist(entries=whitelist),
        rollover=rollover_message(rollover) if rollover else None,
    )


async def require_settable(
    change: Change, target: Target, present: Settings, values: LimitValues, *, allow_unknown_models: bool = False
) -> Settings:
    """Returns the settings with the values, after checking that the caller may set them for this member.

    Raises:
        AdminError: PERMISSION_DENIED, LIMIT_ABOVE_OWN, FIELD_INVALID.
    """
    settings = _with_values(present, values)
    if settings == present:
        return present
    organization, name = target.organization, target.member or "new"
    change.caller.require(
        Permission.GUARDRAILS_WRITE, target, guardrail_name(organization, Scope(ScopeKind.MEMBER, name))
    )
    listed = present.model_whitelist or ()
    added = [entry for entry in settings.model_whitelist or () if entry not in listed]
    if not allow_unknown_models:
        await require_known_models(change.connection, {"limits.model_whitelist.entries": added})
    await require_held(change, target, present, settings)
    return settings


async def member_guardrail(connection: Connection, organization: str, member: str) -> GuardrailRow:
    """Returns the guardrail of a member, set or not.

    Raises:
        LookupError: the organization does not exist.
    """
    row = await store.get_guardrail(connection, organization, Scope(ScopeKind.MEMBER, member))
    if row is None:
        raise LookupError("no such organization")
    return row


async def set_member_limits(change: Change, row: GuardrailRow, settings: Settings) -> None:
    """Stores the settings if they differ, and records the change in the audit log. Nothing is checked."""
    if settings == row.settings:
        return
    kept = row.still_by_default(settings)
    await store.set_guardrail(change.connection, row.organization, row.scope, settings, kept)
    after = await member_guardrail(change.connection, row.organization, row.scope.scope_id)
    messages = (guardrail_message(row), guardrail_message(after))
    name = guardrail_name(row.organization, row.scope)
    change.record(name, *messages, group_path=row.group_path, organization=row.organization)


async def begin_member_limits(change: Change, organization: str, member: str, values: LimitValues) -> None:
    """Gives a new member the limits of their invite. They come on top of what else a new member begins with."""
    if values:
        row = await member_guardrail(change.connection, organization, member)
        await set_member_limits(change, row, _with_values(row.settings, values))


def _with_values(present: Settings, values: LimitValues) -> Settings:
    """Returns the settings with the values, without what depends on a budget or a cycle that they remove.

    Raises:
        AdminError: FIELD_INVALID, the values have a rollover, and there is no budget with a cycle.
    """
    settings = replace(present, **values)
    if values.get("rollover") and (settings.budget_nano_credits is None or settings.cycle == Cycle.NEVER):
        raise invalid_fields(FieldViolation("limits.rollover", "requires a budget with a cycle other than never"))
    if settings.budget_nano_credits is None:
        return replace(settings, soft=None, rollover=None)
    return replace(settings, rollover=None) if settings.cycle == Cycle.NEVER else settings
