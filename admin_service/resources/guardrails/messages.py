"""Converts guardrails to messages and back, and checks which limits each kind of scope has."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_default_pb2 import DefaultLimits
from megarouter.admin.v1.guardrail_pb2 import Guardrail
from megarouter.admin.v1.model_whitelist_pb2 import ModelWhitelist

from admin_service.access.permissions import Actor, Target, TargetKind, may_read_figures
from admin_service.api.errors import FieldViolation
from admin_service.api.guardrail_names import guardrail_name, scope_name
from admin_service.api.timestamps import timestamp
from admin_service.resources.api_keys.bound_errors import place_name
from admin_service.resources.api_keys.messages import NEEDS_CYCLE, check_whitelist
from admin_service.resources.guardrails.store import GuardrailRow, Settings
from gateway_core.model.limits.cycles import Cycle, period_at
from gateway_core.model.limits.guardrails import GuardrailMode, RateRule
from gateway_core.model.limits.model_budgets import ModelBudget
from gateway_core.model.limits.model_whitelists import InvalidWhitelistError, parse_whitelist
from gateway_core.model.limits.rate_limits import RateUnit
from gateway_core.model.limits.rollovers import Rollover
from gateway_core.model.limits.soft_budgets import SoftBudget
from gateway_core.model.limits.temporary_limits import REPLACED, TemporaryLimit
from gateway_core.model.organization.scopes import Scope, ScopeKind

CYCLES: Final = {cycle.value: Guardrail.Cycle.Value(f"CYCLE_{cycle}") for cycle in Cycle}
MODES: Final = {mode.value: Guardrail.Mode.Value(f"MODE_{mode}") for mode in GuardrailMode}
_CYCLE_OF: Final = {value: name for name, value in CYCLES.items()} | {Guardrail.CYCLE_UNSPECIFIED: Cycle.NEVER.value}
_MODE_OF: Final = {value: name for name, value in MODES.items()} | {
    Guardrail.MODE_UNSPECIFIED: GuardrailMode.ENFORCE.value
}

MAX_TEMPORARY: Final = dt.timedelta(days=92)
"""How far ahead a temporary limit may end."""
_THROTTLES: Final = frozenset({"requests_per_minute", "tokens_per_minute", "concurrency_limit"})
_BUDGETS: Final = frozenset({"budget_nano_credits", "cycle", "soft_budget", "model_budgets", "rollover"})
_EVERYWHERE: Final = frozenset({"mode", "model_whitelist", "rate_limits", "temporary_limit"}) | _BUDGETS | _THROTTLES
KNOWN_FIELDS: Final[Mapping[ScopeKind, frozenset[str]]] = {
    ScopeKind.ORGANIZATION: _EVERYWHERE | {"key_limit", "seat_limit"},
    ScopeKind.GROUP: _EVERYWHERE,
    ScopeKind.MEMBER: _EVERYWHERE | {"key_limit"},
    ScopeKind.API_KEY: _EVERYWHERE,
}
"""The fields that apply to each kind of scope."""
UNITS: Final = {
    unit: Guardrail.RateLimit.Unit.Value(f"UNIT_{unit.name}")
    for unit in (RateUnit.SECOND, RateUnit.MINUTE, RateUnit.HOUR, RateUnit.DAY)
}
_UNIT_OF: Final = {value: unit for unit, value in UNITS.items()}
_SETTINGS: Final = {"rate_limits": "rate_rules", "temporary_limit": "temporary", "soft_budget": "soft"}
"""Fields that have another name in `Settings`."""
_NUMBERS: Final = ("budget_nano_credits", *sorted(_THROTTLES), "key_limit", "seat_limit")


def guardrail_message(row: GuardrailRow) -> Guardrail:
    """Returns the guardrail as a resource."""
    settings = row.settings
    message = Guardrail(
        name=str(guardrail_name(row.organization, row.scope)),
        cycle=CYCLES[settings.cycle],
        mode=MODES[settings.mode],
        model_whitelist=None if settings.model_whitelist is None else ModelWhitelist(entries=settings.model_whitelist),
        etag=row.etag,
        update_time=timestamp(row.update_time) if row.update_time else None,
        scope=str(scope_name(row.organization, row.scope)),
        scope_display_name=row.display_name,
        spent_nano_credits=row.spent_nano_credits,
        held_nano_credits=row.held_nano_credits,
        call_count=row.call_count,
        shadow_refusal_count=row.shadow_refusal_count,
        rate_limits=[rate_limit(rule) for rule in settings.rate_rules],
        default_origins=[
            Guardrail.DefaultOrigin(limit=limit, scope=str(place_name(row.organization, place)))
            for limit, place in sorted(row.set_by_default.items())
        ],
    )
    for budget in settings.model_budgets:
        message.model_budgets.append(_model_budget(budget, row))
    for name in _NUMBERS:
        if (limit := getattr(settings, name)) is not None:
            setattr(message, name, limit)
    if settings.temporary:
        message.temporary_limit.CopyFrom(_temporary_limit(settings.temporary))
    if settings.soft:
        message.soft_budget.CopyFrom(_soft_budget(settings.soft))
        in_force = settings.budget_in_force
        threshold = settings.soft.threshold(None if in_force is None else in_force + row.carried_nano_credits)
        message.soft_budget_reached = threshold is not None and row.spent_nano_credits >= threshold
    if settings.rollover:
        message.rollover.CopyFrom(rollover_message(settings.rollover))
        message.carried_nano_credits = row.carried_nano_credits
    if settings.budget_in_force is not None:
        left = settings.budget_in_force + row.carried_nano_credits - row.spent_nano_credits - row.held_nano_credits
        message.remaining_nano_credits = max(0, left)
    _add_period(message, row)
    return message


_FIGURES: Final = (
    "spent_nano_credits",
    "held_nano_credits",
    "remaining_nano_credits",
    "carried_nano_credits",
    "call_count",
    "shadow_refusal_count",
    "soft_budget_reached",
)


_MODEL_FIGURES: Final = (
    "spent_nano_credits",
    "held_nano_credits",
    "remaining_nano_credits",
    "carried_nano_credits",
    "soft_budget_reached",
)


def shown_guardrail(actor: Actor, row: GuardrailRow) -> Guardrail:
    """Returns the guardrail as the actor may read it: without the figures that are not theirs."""
    message = guardrail_message(row)
    if not shows_figures(actor, row.scope, tuple(row.group_path)):
        for name in _FIGURES:
            message.ClearField(name)
        for budget in message.model_budgets:
            for name in _MODEL_FIGURES:
                budget.ClearField(name)  # type: ignore[arg-type] # one of its fields
        message.figures_hidden = True
    return message


def shows_figures(actor: Actor, scope: Scope, group_path: tuple[str, ...]) -> bool:
    """Returns whether an actor who may read a guardrail may read its figures.

    Args:
        actor: who reads.
        scope: of the guardrail.
        group_path: path of the group; not used for other scopes, because whoever reads the guardrail of a member or key reads
            its figures.
    """
    if scope.kind is ScopeKind.ORGANIZATION:
        return may_read_figures(actor, Target(actor.organization, TargetKind.ORGANIZATION))
    if scope.kind is ScopeKind.GROUP:
        return may_read_figures(actor, Target(actor.organization, TargetKind.GROUP, group_path))
    return True


def _add_period(message: Guardrail, row: GuardrailRow) -> None:
    """Adds the period in which the spend is counted, and the reset that began it."""
    period = period_at(Cycle(row.settings.cycle), ZoneInfo(row.time_zone), row.period_start_time.timestamp())
    if row.reset_time:
        message.reset_time.CopyFrom(timestamp(row.reset_time))
    if period.end_epoch_s is not None or row.reset_time:
        message.period_start_time.CopyFrom(timestamp(row.period_start_time))
    if period.end_epoch_s is not None:
        message.period_end_time.CopyFrom(Timestamp(seconds=period.end_epoch_s))


def changed_settings(present: Settings, asked: Guardrail | DefaultLimits, fields: Iterable[str]) -> Settings:
    """Returns the settings with the named fields set as requested."""
    return replace(present, **{_SETTINGS.get(name, name): _setting(asked, name) for name in fields})


def added_entries(present: Settings, settings: Settings) -> dict[str, list[str]]:
    """Returns the entries of whitelist and rate limits that the present settings do not have, by field."""
    listed = present.model_whitelist or ()
    entries = {
        "guardrail.model_whitelist.entries": [entry for entry in settings.model_whitelist or () if entry not in listed]
    }
    limited = {rule.models for rule in present.rate_rules}
    for index, rule in enumerate(settings.rate_rules):
        if rule.models and rule.models not in limited:
            entries[f"guardrail.rate_limits[{index}].models"] = [rule.models]
    budgeted = {budget.models for budget in present.model_budgets}
    for index, budget in enumerate(settings.model_budgets):
        if budget.models not in budgeted:
            entries[f"guardrail.model_budgets[{index}].models"] = [budget.models]
    return entries


def _setting(asked: Any, name: str) -> Any:  # noqa: ANN401 - a message that has the field; of the setting's type
    if name == "cycle":
        return _CYCLE_OF[asked.cycle]
    if name == "model_budgets":
        return tuple(map(_asked_model_budget, asked.model_budgets))
    if name == "soft_budget":
        return _soft(asked.soft_budget) if asked.HasField("soft_budget") else None
    if name == "rollover":
        return rollover_asked(asked.rollover) if asked.HasField("rollover") else None
    if name == "temporary_limit":
        return _temporary(asked.temporary_limit) if asked.HasField("temporary_limit") else None
    if name == "rate_limits":
        return tuple(map(_rule, asked.rate_limits))
    if name == "mode":
        return _MODE_OF[asked.mode]
    if name == "model_whitelist":
        return list(asked.model_whitelist.entries) if asked.HasField("model_whitelist") else None
    return getattr(asked, name) if asked.HasField(name) else None


def rate_limit(rule: RateRule) -> Guardrail.RateLimit:
    """Returns a rate limit as a message."""
    return Guardrail.RateLimit(models=rule.models, unit=UNITS[rule.unit], requests=rule.requests, tokens=rule.tokens)


def _rule(asked: Guardrail.RateLimit) -> RateRule:
    return RateRule(
        asked.models,
        _UNIT_OF[asked.unit],
        asked.requests if asked.HasField("requests") else None,
        asked.tokens if asked.HasField("tokens") else None,
    )


_UNUSED: Final = (0, 0, 0, None)


def _model_budget(budget: ModelBudget, row: GuardrailRow) -> Guardrail.ModelBudget:
    spent, held, carried, start = row.model_use.get(budget.models, _UNUSED)
    message = Guardrail.ModelBudget(
        models=budget.models,
        budget_nano_credits=budget.budget_nano_credits,
        cycle=Guardrail.CYCLE_UNSPECIFIED if budget.cycle is None else CYCLES[budget.cycle],
        spent_nano_credits=spent,
        held_nano_credits=held,
        carried_nano_credits=carried,
        remaining_nano_credits=max(0, budget.budget_nano_credits + carried - spent - held),
    )
    if budget.soft:
        message.soft_budget.CopyFrom(_soft_budget(budget.soft))
        threshold = budget.soft.threshold(budget.budget_nano_credits + carried)
        message.soft_budget_reached = threshold is not None and spent >= threshold
    if budget.rollover:
        message.rollover.CopyFrom(rollover_message(budget.rollover))
    if budget.cycle is not None and start is not None:
        end = period_at(budget.cycle, ZoneInfo(row.time_zone), start).end_epoch_s
        if end is not None:
            message.period_end_time.CopyFrom(Timestamp(seconds=end))
    return message


def _asked_model_budget(asked: Guardrail.ModelBudget) -> ModelBudget:
    cycle = None if asked.cycle == Guardrail.CYCLE_UNSPECIFIED else Cycle(_CYCLE_OF[asked.cycle])
    return ModelBudget(
        asked.models,
        asked.budget_nano_credits,
        cycle,
        soft=_soft(asked.soft_budget) if asked.HasField("soft_budget") else None,
        rollover=rollover_asked(asked.rollover) if asked.HasField("rollover") else None,
    )


def _soft_budget(soft: SoftBudget) -> Guardrail.SoftBudget:
    message = Guardrail.SoftBudget(soft_only=soft.soft_only)
    if soft.percent is not None:
        message.percent = soft.percent
    if soft.amount_nano_credits is not None:
        message.amount_nano_credits = soft.amount_nano_credits
    return message


def _soft(asked: Guardrail.SoftBudget) -> SoftBudget | None:
    percent = asked.percent if asked.HasField("percent") else None
    amount = asked.amount_nano_credits if asked.HasField("amount_nano_credits") else None
    soft = SoftBudget(percent, amount, asked.soft_only)
    return None if soft == SoftBudget() else soft


def rollover_message(rollover: Rollover) -> Guardrail.Rollover:
    """Returns the rollover of a budget as a message."""
    message = Guardrail.Rollover(enabled=True)
    if rollover.cap_nano_credits is not None:
        message.cap_nano_credits = rollover.cap_nano_credits
    return message


def rollover_asked(asked: Guardrail.Rollover) -> Rollover | None:
    """Returns the rollover that a message asks for; None if it is off."""
    if not asked.enabled:
        return None
    return Rollover(asked.cap_nano_credits if asked.HasField("cap_nano_credits") else None)


def _temporary_limit(limit: TemporaryLimit) -> Guardrail.TemporaryLimit:
    end = Timestamp()
    end.FromMicroseconds(limit.end_epoch_us)
    return Guardrail.TemporaryLimit(end_time=end, **limit.values)


def _temporary(asked: Guardrail.TemporaryLimit) -> TemporaryLimit:
    values = {name: getattr(asked, name) for name in REPLACED if asked.HasField(name)}
    return TemporaryLimit(asked.end_time.ToMicroseconds(), **values)


def unknown_fields(kind: ScopeKind, asked: Guardrail, fields: Iterable[str]) -> list[FieldViolation]:
    """Returns a violation for each field that the request sets and this kind of scope does not have."""
    set_fields = {field.name for field, _ in asked.ListFields()}
    return [
        FieldViolation(
            f"guardrail.{name}", f"does not apply to {'an' if kind[0] in 'ao' else 'a'} {kind.replace('_', ' ')}"
        )
        for name in sorted((set(fields) & set_fields) - KNOWN_FIELDS[kind])
    ]


def check_update(request: guardrail_pb2.UpdateGuardrailRequest) -> Iterable[FieldViolation]:
    """Checks the syntax of the whitelist, the rate limits and the temporary limit."""
    if request.guardrail.HasField("temporary_limit"):
        yield from _temporary_problems(request.guardrail.temporary_limit)
    yield from check_whitelist(request.guardrail.model_whitelist, "guardrail.model_whitelist")
    yield from check_rate_limits(request.guardrail.rate_limits, "guardrail.rate_limits")
    yield from _model_budget_problems(request.guardrail.model_budgets)
    yield from check_rollover(request.guardrail.rollover, "guardrail.rollover")


def check_rate_limits(limits: Iterable[Guardrail.RateLimit], field: str) -> Iterable[FieldViolation]:
    """Checks the rate limits of a request."""
    seen = set()
    for index, limit in enumerate(limits):
        problem = _rate_problem(limit) or (
            "has the same models and unit as another one" if _subject(limit) in seen else None
        )
        seen.add(_subject(limit))
        if problem:
            yield FieldViolation(f"{field}[{index}]", problem)


def _model_budget_problems(budgets: Iterable[Guardrail.ModelBudget]) -> Iterable[FieldViolation]:
    seen = set()
    for index, budget in enumerate(budgets):
        field = f"guardrail.model_budgets[{index}].models"
        if budget.models in seen:
            yield FieldViolation(field, "has the same models as another one")
        seen.add(budget.models)
        yield from check_rollover(budget.rollover, f"guardrail.model_budgets[{index}].rollover")
        try:
            parse_whitelist([budget.models])
        except InvalidWhitelistError as error:
            yield FieldViolation(field, str(error))


def check_rollover(rollover: Guardrail.Rollover, field: str) -> Iterable[FieldViolation]:
    """Checks that a cap belongs to a rollover."""
    if rollover.HasField("cap_nano_credits") and not rollover.enabled:
        yield FieldViolation(f"{field}.enabled", "must be true if cap_nano_credits is set")


def _temporary_problems(limit: Guardrail.TemporaryLimit) -> Iterable[FieldViolation]:
    if not any(limit.HasField(name) for name in REPLACED):
        yield FieldViolation("guardrail.temporary_limit", f"requires one of {', '.join(REPLACED)}")


def check_budget(settings: Settings) -> Iterable[FieldViolation]:
    """Checks that a soft budget has a budget, and that a budget that carries over has periods."""
    if settings.rollover and settings.budget_nano_credits is None:
        yield FieldViolation("guardrail.rollover", "requires budget_nano_credits; remove both, or set a budget")
    elif settings.rollover and settings.cycle == Cycle.NEVER:
        yield FieldViolation("guardrail.rollover", NEEDS_CYCLE)
    for index, budget in enumerate(settings.model_budgets):
        if budget.rollover and (budget.cycle or settings.cycle) == Cycle.NEVER:
            yield FieldViolation(f"guardrail.model_budgets[{index}].rollover", NEEDS_CYCLE)
    if settings.soft and settings.budget_nano_credits is None:
        yield FieldViolation("guardrail.soft_budget", "requires budget_nano_credits; remove both, or set a budget")


def check_end(limit: TemporaryLimit, now_epoch_us: int) -> Iterable[FieldViolation]:
    """Checks that a new temporary limit ends in the future and within the bound."""
    if not now_epoch_us < limit.end_epoch_us <= now_epoch_us + MAX_TEMPORARY // dt.timedelta(microseconds=1):
        days = MAX_TEMPORARY.days
        yield FieldViolation(
            "guardrail.temporary_limit.end_time", f"must be in the future and at most {days} days ahead"
        )


def _subject(limit: Guardrail.RateLimit) -> tuple[str, int]:
    return limit.models, limit.unit


def _rate_problem(limit: Guardrail.RateLimit) -> str | None:
    if not (limit.HasField("requests") or limit.HasField("tokens")):
        return "requires requests or tokens"
    is_minute = limit.unit == Guardrail.RateLimit.UNIT_MINUTE
    if limit.HasField("tokens") and not is_minute:
        return "can limit tokens only per minute"
    if is_minute and not limit.models:
        return "requires models; for all models, use requests_per_minute and tokens_per_minute"
    if limit.models:
        try:
            parse_whitelist([limit.models])
        except InvalidWhitelistError as error:
            return str(error)
    return None
