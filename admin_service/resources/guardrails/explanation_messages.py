"""Converts an explanation to its message."""

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import guardrail_pb2
from megarouter.admin.v1.guardrail_pb2 import BudgetUse, ModelBudgetUse, RateLimitUse, RateUse, ScopeAccess

from admin_service.api.guardrail_names import guardrail_name
from admin_service.resources.guardrails.explanations import Explanation, GuardrailState, LimitState
from admin_service.resources.guardrails.messages import MODES, UNITS
from gateway_core.model.organization.scopes import Scope


def explanation_message(
    organization: str,
    explanation: Explanation,
    names: Mapping[Scope, str],
    hidden: Collection[Scope],
    *,
    shows_credit: bool,
) -> guardrail_pb2.ExplainAccessResponse:
    """Returns the message without what the caller may not see: the credit, and the figures of the hidden scopes.

    Args:
        organization: id.
        explanation: what to say.
        names: of the scopes, for people.
        hidden: the scopes without figures.
        shows_credit: whether the caller may see the credit.
    """
    refusal = explanation.refusal
    stopped_by = refusal.scope if refusal else None
    return guardrail_pb2.ExplainAccessResponse(
        passes=refusal is None,
        reason=refusal.reason if refusal else "",
        message=refusal.message if refusal else "",
        stopped_by=str(guardrail_name(organization, stopped_by)) if stopped_by else "",
        stopped_by_display_name=names.get(stopped_by, "") if stopped_by else "",
        amount_nano_credits=explanation.amount_nano_credits,
        scopes=[
            _without_figures(_scope_access(organization, state, names))
            if state.scope in hidden
            else _scope_access(organization, state, names)
            for state in explanation.guardrails
        ],
        credit=_budget_use(explanation.credit) if shows_credit else None,
    )


def _scope_access(organization: str, state: GuardrailState, names: Mapping[Scope, str]) -> ScopeAccess:
    return ScopeAccess(
        guardrail=str(guardrail_name(organization, state.scope)),
        mode=MODES[state.mode],
        fits=state.passes,
        model_allowed=state.model_allowed,
        budget=_budget_use(state.budget) if state.budget else None,
        requests_per_minute=_rate_use(state.requests_per_minute),
        tokens_per_minute=_rate_use(state.tokens_per_minute),
        concurrency=_rate_use(state.concurrency),
        rate_limits=[
            RateLimitUse(
                models=rule.rule.models,
                unit=UNITS[rule.rule.unit],
                requests=_rate_use(rule.requests),
                tokens=_rate_use(rule.tokens),
            )
            for rule in state.rules
        ],
        model_budgets=[
            ModelBudgetUse(models=models, budget=_budget_use(budget)) for models, budget in state.model_budgets
        ],
        temporary_limit_end_time=_moment(state.temporary_end_epoch_s),
        scope_display_name=names.get(state.scope, ""),
    )


def _without_figures(access: ScopeAccess) -> ScopeAccess:
    """Returns the scope with its limits and whether the call fits, but not with what is used."""
    access.figures_hidden = True
    budgets = [*([access.budget] if access.HasField("budget") else []), *(one.budget for one in access.model_budgets)]
    for budget in budgets:
        # What is carried says what the period before spent.
        if budget.carried_nano_credits:
            budget.limit_nano_credits -= budget.carried_nano_credits
            budget.ClearField("carried_nano_credits")
            budget.ClearField("soft_threshold_nano_credits")
        for name in ("used_nano_credits", "held_nano_credits", "remaining_nano_credits", "soft_threshold_reached"):
            budget.ClearField(name)
    rates: list[tuple[Any, str]] = [
        (access, name) for name in ("requests_per_minute", "tokens_per_minute", "concurrency")
    ]
    rates += [(rule, name) for rule in access.rate_limits for name in ("requests", "tokens")]
    for holder, name in rates:
        if holder.HasField(name):
            use: RateUse = getattr(holder, name)
            use.ClearField("used")
            use.ClearField("remaining")
    return access


def _budget_use(state: LimitState) -> BudgetUse:
    return BudgetUse(
        fits=state.passes,
        limit_nano_credits=state.limit,
        used_nano_credits=state.used,
        held_nano_credits=state.held,
        remaining_nano_credits=state.remaining,
        reset_time=_moment(state.reset_epoch_s),
        soft_threshold_nano_credits=state.soft_threshold,
        soft_threshold_reached=state.soft_threshold is not None and state.used >= state.soft_threshold,
        soft_only=state.soft_only,
        carried_nano_credits=state.carried,
    )


def _rate_use(state: LimitState | None) -> RateUse | None:
    if state is None:
        return None
    return RateUse(
        fits=state.passes,
        limit=state.limit,
        used=state.used,
        remaining=state.remaining,
        reset_time=_moment(state.reset_epoch_s),
    )


def _moment(epoch_s: float | None) -> Timestamp | None:
    if epoch_s is None:
        return None
    moment = Timestamp()
    moment.FromMicroseconds(round(epoch_s * 1_000_000))
    return moment
