"""Explains whether a call would pass and what every guardrail above it has left, without placing a hold.

It decides and words refusals with the functions of authz_service (`decision`, `placement_refusals`) and ratelimit_service
(`rate_refusals`), in the order in which a call meets them (`refusals`). Redis scripts decide about a real call. Here
`placement_model` and `live_counters` take their place, on counters that were read a moment before.
"""

from dataclasses import dataclass

from admin_service.resources.guardrails.live_counters import LiveCounters, Spend, Usage
from admin_service.resources.guardrails.placement_model import amount_with, judge_placement, needed_units
from gateway_core.model.calls.call_limits import CountedBudget, budget_for_models, budget_of_guardrail, budgets_of
from gateway_core.model.calls.decision import Admission, Parameters, decide
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.placement_refusals import refuse_placement
from gateway_core.model.calls.principals import Principal, refuse_principal
from gateway_core.model.calls.rate_refusals import refuse_rates
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, Period, PeriodClock
from gateway_core.model.limits.guardrails import Guardrail, GuardrailMode, RateRule
from gateway_core.model.limits.rate_limits import Demand, RateCounter, RateUnit, merge_demands
from gateway_core.model.limits.request_limits import decode_limits, demands_of
from gateway_core.model.limits.soft_budgets import PercentOfBudget, SoftBudget, threshold_of
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope

_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class LimitState:
    """One numeric limit of a guardrail. Amounts are nano-credits for budgets; otherwise tokens, calls or requests."""

    passes: bool
    limit: int
    used: int
    held: int
    """What open calls reserve; 0 if `used` includes it."""
    reset_epoch_s: int | None
    """When the limit starts again; None if never or unknown."""
    soft_threshold: int | None = None
    """What is used of a budget when it is reported; None if it is not."""
    soft_only: bool = False
    """Whether calls beyond a budget pass."""
    carried: int = 0
    """What of the limit of a budget is carried from the period before."""

    @property
    def remaining(self) -> int:
        """What is left, never below 0."""
        return max(0, self.limit - self.used - self.held)


@dataclass(frozen=True, slots=True)
class RuleState:
    """The state of a guardrail's rule that covers the call's model."""

    rule: RateRule
    requests: LimitState | None
    tokens: LimitState | None


@dataclass(frozen=True, slots=True)
class GuardrailState:
    """The state of a guardrail for this call."""

    scope: Scope
    mode: GuardrailMode
    model_allowed: bool
    """Whether the whitelist allows the model, or there is no whitelist."""
    budget: LimitState | None
    tokens_per_minute: LimitState | None
    concurrency: LimitState | None
    requests_per_minute: LimitState | None
    rules: tuple[RuleState, ...] = ()
    model_budgets: tuple[tuple[str, LimitState], ...] = ()
    """The budgets for some models that cover the call's model."""
    temporary_end_epoch_s: float | None = None
    """When the guardrail's temporary limit ends; None without one."""

    @property
    def passes(self) -> bool:
        """Whether the call fits every limit of the guardrail. In shadow mode the call passes even if it does not fit."""
        of_rules = (limit for rule in self.rules for limit in (rule.requests, rule.tokens))
        of_models = (limit for _, limit in self.model_budgets)
        limits = (
            self.budget,
            *of_models,
            self.tokens_per_minute,
            self.concurrency,
            self.requests_per_minute,
            *of_rules,
        )
        return self.model_allowed and all(limit is None or limit.passes for limit in limits)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The predicted outcome of a call."""

    refusal: Refusal | None
    """The error that the caller would get; None if the call would pass."""
    amount_nano_credits: int | None
    """The amount of the call's hold; None if the call would be refused before."""
    guardrails: tuple[GuardrailState, ...]
    """The guardrail of every scope, narrowest first."""
    credit: LimitState
    """The credit pool. `limit` is the balance."""


@dataclass(frozen=True, slots=True)
class SupposedCall:
    """A hypothetical call."""

    endpoint: Endpoint
    parameters: Parameters
    body_bytes: int


def explain(
    principal: Principal,
    call: SupposedCall,
    prices: CatalogView,
    counters: LiveCounters,
    now_epoch_us: int,
    clock: PeriodClock,
) -> Explanation:
    """Returns the outcome that a call by this principal would have now. `LiveCounterReader` reads the counters.

    The principal has the limits that are in force now (`Principal.at`).
    """
    decision = decide(
        principal,
        call.endpoint,
        call.parameters,
        call.body_bytes,
        prices,
        now_epoch_us=now_epoch_us,
        hold_life_ms=0,
        make_hold_id=lambda: "",
        clock=clock,
    )
    admission = decision if isinstance(decision, Admission) else None
    states = tuple(
        _state(principal, rail, call, prices, admission, counters, now_epoch_us, clock) for rail in principal.guardrails
    )
    refusal = refuse_principal(principal, now_epoch_us / _US_PER_S)
    if refusal is None:
        refusal = decision if isinstance(decision, Refusal) else _refuse_counters(decision, counters)
    amount = amount_with(admission, counters) if admission else None
    balance, held = counters.pool.settled_nano_credits, counters.pool.held_nano_credits
    credit = LimitState((amount or 0) + held <= balance, balance, 0, held, None)
    return Explanation(refusal, amount, states, credit)


def _refuse_counters(admission: Admission, counters: LiveCounters) -> Refusal | None:
    """Returns the refusal that `place.lua` or else ratelimit_service would give on these counters, or None."""
    refused = judge_placement(admission, counters)
    if refused is not None:
        return refuse_placement(admission, refused)
    demands = merge_demands(
        demands_of(decode_limits(admission.terms.limits.requests), admission.hold.claims.organization)
    )
    return refuse_rates([_usage(demand, counters).state_of(demand) for demand in demands])


def _usage(demand: Demand, counters: LiveCounters) -> Usage:
    return counters.requests.get(demand.counter, Usage()) if isinstance(demand.counter, RateCounter) else Usage()


def counters_of(principal: Principal, now_epoch_s: float, clock: PeriodClock) -> tuple[Counter, ...]:
    """Returns the counters that calls of any models count on now."""
    return tuple(budget.counter for budget in counted_budgets(principal, now_epoch_s, clock))


def counted_budgets(principal: Principal, now_epoch_s: float, clock: PeriodClock) -> tuple[CountedBudget, ...]:
    """Returns the budgets that calls of any models count on now."""
    rails = principal.guardrails
    return budgets_of(rails, lambda cycle: clock.period_at(cycle, principal.zone, now_epoch_s), principal.zone)


def _state(
    principal: Principal,
    rail: Guardrail,
    call: SupposedCall,
    prices: CatalogView,
    admission: Admission | None,
    counters: LiveCounters,
    now_epoch_us: int,
    clock: PeriodClock,
) -> GuardrailState:
    model = prices.models.get(call.parameters.model)
    zone = principal.zone

    def period_of(cycle: Cycle) -> Period:
        return clock.period_at(cycle, zone, now_epoch_us / _US_PER_S)

    def budget_state(counted: CountedBudget, limit: int, soft: SoftBudget | None) -> LimitState:
        return _budget_state(counted, limit, admission, counters, soft)

    def throttled(throttle: Throttle, limit: int | None) -> LimitState | None:
        needed = needed_units(throttle.kind, admission) if admission else 1
        return (
            limit if limit is None else _throttle_state(limit, needed, counters.throttles.get(throttle), now_epoch_us)
        )

    def requests(unit: RateUnit, models: str, limit: int | None) -> LimitState | None:
        usage = counters.requests.get(RateCounter(principal.organization, rail.scope, unit, models))
        return limit if limit is None else _throttle_state(limit, 1, usage, now_epoch_us)

    return GuardrailState(
        scope=rail.scope,
        mode=rail.mode,
        model_allowed=model is not None and any(rail.allows(model.name, provider) for provider in model.providers),
        budget=None
        if rail.budget_nano_credits is None
        else budget_state(budget_of_guardrail(rail, period_of, zone), rail.budget_nano_credits, rail.soft),
        tokens_per_minute=throttled(Throttle(ThrottleKind.TOKENS, rail.scope), rail.tokens_per_minute),
        concurrency=throttled(Throttle(ThrottleKind.CALLS, rail.scope), rail.concurrency_limit),
        requests_per_minute=requests(RateUnit.MINUTE, "", rail.requests_per_minute),
        rules=tuple(
            RuleState(
                rule,
                requests(rule.unit, rule.models, rule.requests),
                throttled(Throttle(ThrottleKind.TOKENS, rail.scope, rule.models), rule.tokens),
            )
            for rule in rail.rate_rules
            if model is not None and rule.covers(model.name, model.provider)
        ),
        model_budgets=tuple(
            (
                budget.models,
                budget_state(budget_for_models(rail, budget, period_of, zone), budget.budget_nano_credits, budget.soft),
            )
            for budget in rail.model_budgets
            if model is not None and budget.covers(model.name, model.provider)
        ),
        temporary_end_epoch_s=rail.temporary.end_epoch_s if rail.temporary else None,
    )


def _budget_state(
    counted: CountedBudget,
    limit: int,
    admission: Admission | None,
    counters: LiveCounters,
    soft: SoftBudget | None,
) -> LimitState:
    spend, carried = counters.spend.get(counted.counter, Spend()), counters.carried.get(counted.counter, 0)
    settled, held = spend.settled_nano_credits, spend.held_nano_credits
    amount = amount_with(admission, counters) if admission else 0
    soft_only = counted.budget_nano_credits is None
    threshold = threshold_of(soft, limit, carries_over=counted.previous is not None)
    return LimitState(
        soft_only or settled + held + amount <= limit + carried,
        limit + carried,
        settled,
        held,
        counted.reset_epoch_s,
        threshold.threshold(carried) if isinstance(threshold, PercentOfBudget) else threshold,
        soft_only,
        carried,
    )


def _throttle_state(limit: int, needed: int, usage: Usage | None, now_epoch_us: int) -> LimitState:
    used = usage.used if usage else 0
    reset = (now_epoch_us + usage.reset_us) // _US_PER_S if usage and usage.reset_us else None
    return LimitState(used + needed <= limit, limit, used, 0, reset)
