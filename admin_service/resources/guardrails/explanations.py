"""Whether a call would pass, and how much every guardrail above it has left: the decision itself, told instead of carried out.

It asks the same functions in the same order as authz_service (`decision`, `placement_refusals`), so that it cannot differ from
what a call gets at the same moment. What it cannot know is the moment: the counters are those that it is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_core.contract.dialects import Endpoint
from gateway_core.model.calls.decision import Admission, Parameters, Prices, decide, refuse_principal
from gateway_core.model.calls.placement_refusals import refuse_placement
from gateway_core.model.calls.placements import BusyThrottle, ExhaustedCounter, Refused
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.guardrails import Guardrail, GuardrailMode, RateRule
from gateway_core.model.limits.rate_limits import RateCounter, RateUnit
from gateway_core.model.limits.request_limits import decode_limits
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope

_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Spend:
    """A counter, or the credit pool with its balance for what is settled; nano-credits."""

    settled_nano_credits: int = 0
    held_nano_credits: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """A rate or a throttle: what counts now, and what waiting brings."""

    used: int = 0
    wait_us: int | None = 0
    """Until the call would fit; None when it never will. Meaningless where it fits."""
    reset_us: int = 0
    """Until the whole limit is free again; 0 where nobody knows."""


@dataclass(frozen=True, slots=True)
class LiveCounters:
    """What counts at one moment. What is absent is zero."""

    pool: Spend
    spend: Mapping[Counter, Spend] = field(default_factory=dict)
    throttles: Mapping[Throttle, Usage] = field(default_factory=dict)
    requests: Mapping[RateCounter, Usage] = field(default_factory=dict)
    """Of every limit of requests."""


@dataclass(frozen=True, slots=True)
class LimitState:
    """One numeric limit of a guardrail. Amounts are nano-credits for budgets, else tokens, calls or requests."""

    passes: bool
    limit: int
    used: int
    held: int
    """What open calls reserve; 0 where used contains it."""
    reset_epoch_s: int | None
    """When it starts anew, None for never or for nobody knows."""

    @property
    def remaining(self) -> int:
        """What is left, never below 0."""
        return max(0, self.limit - self.used - self.held)


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule of a guardrail that covers the call's model."""

    rule: RateRule
    requests: LimitState | None
    tokens: LimitState | None


@dataclass(frozen=True, slots=True)
class GuardrailState:
    """A guardrail as the call would meet it."""

    scope: Scope
    mode: GuardrailMode
    model_allowed: bool
    """By its whitelist; also where it has none."""
    budget: LimitState | None
    tokens_per_minute: LimitState | None
    concurrency: LimitState | None
    requests_per_minute: LimitState | None
    rules: tuple[RuleState, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the call fits into every limit of it; in shadow mode a call passes all the same."""
        of_rules = (limit for rule in self.rules for limit in (rule.requests, rule.tokens))
        limits = (self.budget, self.tokens_per_minute, self.concurrency, self.requests_per_minute, *of_rules)
        return self.model_allowed and all(limit is None or limit.passes for limit in limits)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of a call."""

    refusal: Refusal | None
    """What the caller would be told; None if the call would pass. Names what stops it first."""
    stopped_by: Scope | None
    """Whose guardrail stops it first; None if none does, or what does is no guardrail (as the credit, a disabled key)."""
    amount_nano_credits: int | None
    """What the call's hold would reserve; None when it would not come to that."""
    guardrails: tuple[GuardrailState, ...]
    """Of every scope, narrowest first."""
    credit: LimitState
    """Limit is the balance."""


@dataclass(frozen=True, slots=True)
class SupposedCall:
    """A call that nobody makes."""

    endpoint: Endpoint
    parameters: Parameters
    body_bytes: int


def explain(
    principal: Principal,
    call: SupposedCall,
    prices: Prices,
    counters: LiveCounters,
    now_epoch_us: int,
    clock: PeriodClock,
) -> Explanation:
    """What a call with this key would get now. `live_counters` of the edges reads the counters."""
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
    refusal = refuse_principal(principal, now_epoch_us / _US_PER_S)
    admission = decision if isinstance(decision, Admission) else None
    states = tuple(
        _state(principal, rail, call, prices, admission, counters, now_epoch_us, clock) for rail in principal.guardrails
    )
    stopped_by = None
    if refusal is None and isinstance(decision, Refusal):
        refusal = decision
        if refusal.reason is RefusalReason.MODEL_NOT_ALLOWED:
            stopped_by = next(s.scope for s in states if s.mode is GuardrailMode.ENFORCE and not s.model_allowed)
    if refusal is None and admission is not None:
        refusal, stopped_by = _placing(admission, counters)
    amount = admission.hold.amount_nano_credits if admission else None
    balance, held = counters.pool.settled_nano_credits, counters.pool.held_nano_credits
    credit = LimitState((amount or 0) + held <= balance, balance, 0, held, None)
    return Explanation(refusal, stopped_by, amount, states, credit)


def _placing(admission: Admission, counters: LiveCounters) -> tuple[Refusal | None, Scope | None]:
    """As `place.lua` and then ratelimit_service: whether every enforced limit can carry the call."""
    refused = _refused(admission, counters)
    if refused.exhausted or refused.busy:
        refusal = refuse_placement(admission, refused)
        if refusal.limits:
            return refusal, refusal.limits[0].scope
        return refusal, admission.hold.throttles[refused.busy[0].index].scope
    found = [
        (limit, counters.requests.get(limit.counter(admission.hold.organization), Usage()))
        for limit in decode_limits(admission.rate_limits)
        if not limit.shadow
    ]
    full = [(limit, usage) for limit, usage in found if usage.used >= limit.limit]
    if not full:
        return None, None
    # ratelimit_service names the one to wait longest for.
    first, usage = max(full, key=lambda pair: _longest(pair[1]))
    counter = first.counter(admission.hold.organization)
    message = f"The limit of requests per {first.unit.name.lower()} of {counter.subject} is reached."
    seconds = None if usage.wait_us is None else max(1, -(-usage.wait_us // _US_PER_S))
    refusal = Refusal(RefusalReason.RATE_LIMITED, message, retry_after_s=seconds, never_passes=seconds is None)
    return refusal, first.scope


def _longest(usage: Usage) -> float:
    return float("inf") if usage.wait_us is None else usage.wait_us


def _refused(admission: Admission, counters: LiveCounters) -> Refused:
    hold = admission.hold
    exhausted = []
    for index, (counter, limit) in enumerate(zip(hold.counters, admission.limits, strict=True)):
        spend = counters.spend.get(counter, Spend())
        needed = spend.settled_nano_credits + spend.held_nano_credits + hold.amount_nano_credits
        if limit is not None and needed > limit and counter.scope not in admission.shadows:
            exhausted.append(ExhaustedCounter(index, spend.settled_nano_credits, spend.held_nano_credits))
    pool = counters.pool
    if pool.held_nano_credits + hold.amount_nano_credits > pool.settled_nano_credits:
        exhausted.append(ExhaustedCounter(None, pool.settled_nano_credits, pool.held_nano_credits))
    busy = []
    for index, (throttle, limit) in enumerate(zip(hold.throttles, admission.throttle_limits, strict=True)):
        usage = counters.throttles.get(throttle, Usage())
        needed = _needed(throttle.kind, admission)
        if usage.used + needed > limit and throttle.scope not in admission.shadows:
            wait_us = None if needed > limit else usage.wait_us
            busy.append(BusyThrottle(index, usage.used, wait_us, usage.reset_us))
    return Refused(tuple(exhausted), tuple(busy))


def _needed(kind: ThrottleKind, admission: Admission | None) -> int:
    if kind is ThrottleKind.CALLS or admission is None:
        return 1
    return admission.hold.input_tokens + admission.hold.output_tokens


def counters_of(principal: Principal, now_epoch_s: float, clock: PeriodClock) -> tuple[Counter, ...]:
    """The counters that carry a call now, one for each guardrail."""
    return tuple(
        Counter(
            rail.scope.kind,
            rail.scope.scope_id,
            rail.cycle,
            clock.period_at(rail.cycle, principal.zone, now_epoch_s).start_epoch_s,
            rail.cycle_revision,
        )
        for rail in principal.guardrails
    )


def _state(
    principal: Principal,
    rail: Guardrail,
    call: SupposedCall,
    prices: Prices,
    admission: Admission | None,
    counters: LiveCounters,
    now_epoch_us: int,
    clock: PeriodClock,
) -> GuardrailState:
    model = prices.models.get(call.parameters.model)

    def throttled(throttle: Throttle, limit: int | None) -> LimitState | None:
        needed = _needed(throttle.kind, admission)
        return (
            limit if limit is None else _throttle_state(limit, needed, counters.throttles.get(throttle), now_epoch_us)
        )

    def requests(unit: RateUnit, models: str, limit: int | None) -> LimitState | None:
        usage = counters.requests.get(RateCounter(principal.organization, rail.scope, unit, models))
        return limit if limit is None else _throttle_state(limit, 1, usage, now_epoch_us)

    return GuardrailState(
        scope=rail.scope,
        mode=rail.mode,
        model_allowed=model is not None and rail.allows(model.name, model.provider),
        budget=_budget(principal, rail, admission, counters, now_epoch_us, clock),
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
    )


def _budget(
    principal: Principal,
    rail: Guardrail,
    admission: Admission | None,
    counters: LiveCounters,
    now_epoch_us: int,
    clock: PeriodClock,
) -> LimitState | None:
    limit = rail.budget_nano_credits
    if limit is None:
        return None
    period = clock.period_at(rail.cycle, principal.zone, now_epoch_us / _US_PER_S)
    counter = Counter(rail.scope.kind, rail.scope.scope_id, rail.cycle, period.start_epoch_s, rail.cycle_revision)
    spend = counters.spend.get(counter, Spend())
    settled, held = spend.settled_nano_credits, spend.held_nano_credits
    amount = admission.hold.amount_nano_credits if admission else 0
    return LimitState(settled + held + amount <= limit, limit, settled, held, period.end_epoch_s)


def _throttle_state(limit: int, needed: int, usage: Usage | None, now_epoch_us: int) -> LimitState:
    used = usage.used if usage else 0
    reset = (now_epoch_us + usage.reset_us) // _US_PER_S if usage and usage.reset_us else None
    return LimitState(used + needed <= limit, limit, used, 0, reset)
