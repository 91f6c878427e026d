"""Converts defaults to messages and back."""

from collections.abc import Iterable
from typing import Any, Final

from megarouter.admin.v1 import guardrail_default_pb2
from megarouter.admin.v1.guardrail_default_pb2 import DefaultLimits, GuardrailDefault
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from admin_service.api.errors import FieldViolation
from admin_service.api.guardrail_names import guardrail_name, scope_name
from admin_service.api.names import GUARDRAIL_DEFAULTS
from admin_service.api.timestamps import timestamp
from admin_service.resources.api_keys.messages import NEEDS_CYCLE, check_whitelist
from admin_service.resources.default_limits.merging import LimitValues, rollover_in
from admin_service.resources.guardrail_defaults.store import DefaultRow
from admin_service.resources.guardrails.messages import (
    CYCLES,
    changed_settings,
    check_rate_limits,
    check_rollover,
    rate_limit,
    rollover_message,
)
from admin_service.resources.guardrails.store import Settings
from gateway_core.stores.postgres.rate_rules import decode_rules

LIMIT_FIELDS: Final = ("member_limits", "key_limits")
_NUMBERS: Final = ("requests_per_minute", "tokens_per_minute", "concurrency_limit", "key_limit")


def default_message(row: DefaultRow) -> GuardrailDefault:
    """Returns the default as a resource."""
    return GuardrailDefault(
        name=str(guardrail_name(row.organization, row.scope, GUARDRAIL_DEFAULTS)),
        member_limits=filled(DefaultLimits(), row.member_limits) if row.member_limits else None,
        key_limits=filled(DefaultLimits(), row.key_limits) if row.key_limits else None,
        etag=row.etag,
        update_time=timestamp(row.update_time) if row.update_time else None,
        scope=str(scope_name(row.organization, row.scope)),
    )


def filled(message: Any, limits: LimitValues) -> Any:  # noqa: ANN401 - either message, which have the same fields
    """Returns a `DefaultLimits` or a `Guardrail` with these limits."""
    present = {limit: value for limit, value in limits.items() if value is not None}
    if "budget" in present:
        message.budget_nano_credits, cycle, *_ = present["budget"]
        message.cycle = CYCLES[cycle]
        if rollover := rollover_in(present["budget"]):
            message.rollover.CopyFrom(rollover_message(rollover))
    for name in _NUMBERS:
        if name in present:
            setattr(message, name, present[name])
    if "model_whitelist" in present:
        message.model_whitelist.CopyFrom(ModelWhitelist(entries=present["model_whitelist"]))
    message.rate_limits.extend(map(rate_limit, decode_rules(present.get("rate_limits", ()))))
    return message


def limit_values(asked: DefaultLimits) -> dict[str, Any]:
    """Returns the limits that a message sets, as JSON values by name."""
    named = [field.name for field, _ in asked.ListFields()]
    settings = changed_settings(Settings(), asked, named)
    return {limit: value for limit, value in settings.limit_values.items() if value is not None}


def check_update(request: guardrail_default_pb2.UpdateGuardrailDefaultRequest) -> Iterable[FieldViolation]:
    """Checks the whitelists and rate limits, and that each limit applies."""
    default = request.guardrail_default
    for name in LIMIT_FIELDS:
        if not default.HasField(name):
            continue
        limits: DefaultLimits = getattr(default, name)
        field = f"guardrail_default.{name}"
        yield from check_whitelist(limits.model_whitelist, f"{field}.model_whitelist")
        yield from check_rate_limits(limits.rate_limits, f"{field}.rate_limits")
        if limits.cycle and not limits.HasField("budget_nano_credits"):
            yield FieldViolation(f"{field}.cycle", "requires budget_nano_credits")
        yield from check_rollover(limits.rollover, f"{field}.rollover")
        if limits.rollover.enabled and not limits.HasField("budget_nano_credits"):
            yield FieldViolation(f"{field}.rollover", "requires budget_nano_credits")
        elif limits.rollover.enabled and limits.cycle in {Guardrail.CYCLE_UNSPECIFIED, Guardrail.CYCLE_NEVER}:
            yield FieldViolation(f"{field}.rollover", NEEDS_CYCLE)
    if default.key_limits.HasField("key_limit"):
        yield FieldViolation("guardrail_default.key_limits.key_limit", "applies to members, not to API keys")


def added_entries(present: DefaultRow, changed: DefaultRow) -> dict[str, list[str]]:
    """Returns the entries of whitelists and rate limits that the present default does not have, by field."""
    entries: dict[str, list[str]] = {}
    for name in LIMIT_FIELDS:
        before, after = getattr(present, name), getattr(changed, name)
        listed, limited = before.get("model_whitelist", ()), {rule[0] for rule in before.get("rate_limits", ())}
        entries[f"guardrail_default.{name}.model_whitelist.entries"] = [
            entry for entry in after.get("model_whitelist", ()) if entry not in listed
        ]
        for index, (models, *_) in enumerate(after.get("rate_limits", ())):
            if models and models not in limited:
                entries[f"guardrail_default.{name}.rate_limits[{index}].models"] = [models]
    return entries


def limits_only(limits: LimitValues) -> Guardrail:
    """Returns a guardrail with these limits and nothing else, for the audit log."""
    rail: Guardrail = filled(Guardrail(), limits)
    return rail
