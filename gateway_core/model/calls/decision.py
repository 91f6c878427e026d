"""The decision on a call: a pure function of the call, its principal and the catalogue, up to the hold it asks for.

authz_service decides with it, and `explanations` explains with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar, cast

from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import TokensLeft
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.entries import Model, PriceSchedule, Provider
from gateway_core.model.catalog.pricing import estimate
from gateway_core.model.dialects import Endpoint, upstream_path
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Period, PeriodClock
from gateway_core.model.limits.guardrails import Guardrail, RateRule
from gateway_core.model.limits.request_limits import encode_limits, rate_limits_of
from gateway_core.model.limits.throttles import Throttle, throttles_of
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.records import record

MICROSECONDS_PER_SECOND = 10**6

T = TypeVar("T")

_counter = lru_cache(maxsize=8_192)(Counter)
"""All counters of a key but its own are those of other keys too, and are kept once."""

_EXPIRED = "This API key has expired. Create a new one or ask your admin."
_REPLACED = "This API key was rotated and the time of its old secret is over. Use the new one."


@record(frozen=True, slots=True)
class Parameters:
    """What the price of a call depends on."""

    model: str
    streams: bool
    output_limit: int | None
    """Tokens per choice, None when the caller set none."""
    choices: int
    asks_for_usage: bool


@record(frozen=True, slots=True)
class Admission:
    """A call that may pass if its hold can be placed."""

    hold: Hold
    limits: tuple[int | None, ...]
    """The budget of each counter of the hold, None for unlimited."""
    reset_epoch_s: tuple[int | None, ...]
    """When each counter starts anew, None for never."""
    cluster: str
    upstream_path: str
    rewrite_model: bool
    inject_include_usage: bool
    rate_limits: str
    """Of every scope above the call that has one: `request_limits.encode_limits`; empty without any."""
    throttle_limits: tuple[int, ...] = ()
    """Of each throttle of the hold."""
    shadows: frozenset[Scope] = frozenset()
    """Scopes whose guardrails count what they would refuse, and refuse nothing."""
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Of its terms."""
    tokens_left: TokensLeft | None = None
    """As Redis has placed it."""

    def derived(self, make: Callable[["Admission"], T]) -> T:
        """What `make` makes of an admission, made once for all calls of the same terms: it must not look at anything else."""
        known = self.memory.get(make)
        if known is None:
            known = self.memory[make] = make(self)
        return cast("T", known)

    def placed(
        self, number: int, shadow_refusals: tuple[int, ...], tokens_left: TokensLeft | None = None
    ) -> "Admission":
        """The admission with its hold as Redis has placed it."""
        return Admission(
            self.hold.placed(number, shadow_refusals),
            self.limits,
            self.reset_epoch_s,
            self.cluster,
            self.upstream_path,
            self.rewrite_model,
            self.inject_include_usage,
            self.rate_limits,
            self.throttle_limits,
            self.shadows,
            self.memory,
            tokens_left,
        )


@record(frozen=True, slots=True)
class Prices:
    """What the catalogue says about the models on offer."""

    models: Mapping[str, Model]
    providers: Mapping[str, Provider]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What the calls of one key with one operation of one model have in common, while prices and periods last.

    Everything of a decision that does not depend on the size of the call, so that it need not be found out for every call.
    """

    principal: Principal
    prices: Prices
    endpoint: Endpoint
    streams: bool
    model: Model
    schedule: PriceSchedule
    counters: tuple[Counter, ...]
    limits: tuple[int | None, ...]
    reset_epoch_s: tuple[int | None, ...]
    cluster: str
    upstream_path: str
    rewrite_model: bool
    inject_include_usage: bool
    rate_limits: str
    throttles: tuple[Throttle, ...]
    throttle_limits: tuple[int, ...]
    shadows: frozenset[Scope]
    shadow_refusals: tuple[int, ...]
    begin_epoch_s: float
    end_epoch_s: float
    """Half-open: the price day and the period of every counter."""
    memory: dict[Any, Any] = field(default_factory=dict)
    """What others have derived: see `Admission.derived`."""

    def hold_for(self, principal: Principal, prices: Prices, now_epoch_s: float) -> bool:
        """Whether they are what `agree` would find out now."""
        return (
            principal is self.principal
            and prices.models is self.prices.models
            and prices.providers is self.prices.providers
            and self.begin_epoch_s <= now_epoch_s < self.end_epoch_s
        )


def counter_of(rail: Guardrail, period: Period) -> Counter:
    """The counter of a guardrail's budget in a period of its cycle."""
    return _counter(rail.scope.kind, rail.scope.scope_id, rail.cycle, period.start_epoch_s, rail.cycle_revision)


def refuse_principal(principal: Principal, now_epoch_s: float, address: str | None = None) -> Refusal | None:
    """Why the holder of a right key may not call at all, if so; where from is not asked without an address."""
    if not principal.api_key_active:
        return Refusal(
            RefusalReason.KEY_DISABLED, "This API key is disabled. Ask your admin to enable it, or use another key."
        )
    if principal.expire_epoch_s is not None and principal.expire_epoch_s <= now_epoch_s:
        return Refusal(RefusalReason.KEY_EXPIRED, _REPLACED if principal.secret_replaced else _EXPIRED)
    if not principal.member_active:
        return Refusal(RefusalReason.MEMBER_SUSPENDED, "Your membership is suspended. Ask your admin.")
    if not principal.organization_active:
        return Refusal(
            RefusalReason.ORGANIZATION_SUSPENDED, "Your organization is suspended. Ask your billing contact."
        )
    if address is not None and principal.ip_allow_list is not None and not principal.ip_allow_list.allows(address):
        return Refusal(
            RefusalReason.IP_NOT_ALLOWED, f"This API key may not be used from {address or 'an unknown address'}."
        )
    return None


def decide(
    principal: Principal,
    endpoint: Endpoint,
    parameters: Parameters,
    body_bytes: int,
    prices: Prices,
    *,
    now_epoch_us: int,
    hold_life_ms: int,
    make_hold_id: Callable[[], str],
    clock: PeriodClock,
) -> Admission | Refusal:
    """Whitelist, catalogue, price, estimate: the hold this call needs, or why it may not pass."""
    terms = agree(principal, endpoint, parameters, prices, now_epoch_us / MICROSECONDS_PER_SECOND, clock)
    if isinstance(terms, Refusal):
        return terms
    return admit(
        terms, parameters, body_bytes, now_epoch_us=now_epoch_us, hold_life_ms=hold_life_ms, hold_id=make_hold_id()
    )


def agree(
    principal: Principal,
    endpoint: Endpoint,
    parameters: Parameters,
    prices: Prices,
    now_epoch_s: float,
    clock: PeriodClock,
) -> Terms | Refusal:
    """The terms of a call, or why it may not pass, whatever its size. Of the parameters, limits and choices do not matter."""
    found = _find_model(principal, endpoint, parameters, prices, now_epoch_s)
    if isinstance(found, Refusal):
        return found
    model, schedule, provider = found
    rails = principal.guardrails

    def covers(rule: RateRule) -> bool:
        return rule.covers(model.name, model.provider)

    throttles = throttles_of(rails, covers)
    periods = [clock.period_at(rail.cycle, principal.zone, now_epoch_s) for rail in rails]
    day = datetime.fromtimestamp(now_epoch_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = [period.end_epoch_s for period in periods if period.end_epoch_s is not None]
    return Terms(
        principal=principal,
        prices=prices,
        endpoint=endpoint,
        streams=parameters.streams,
        model=model,
        schedule=schedule,
        counters=tuple(counter_of(rail, period) for rail, period in zip(rails, periods, strict=True)),
        limits=tuple(rail.budget_nano_credits for rail in rails),
        reset_epoch_s=tuple(period.end_epoch_s for period in periods),
        cluster=provider.cluster,
        upstream_path=upstream_path(
            endpoint, provider.base_path(endpoint.dialect), model.upstream_name, streams=parameters.streams
        ),
        rewrite_model=endpoint is not Endpoint.GENERATE_CONTENT and model.upstream_name != parameters.model,
        inject_include_usage=(
            parameters.streams
            and endpoint.needs_include_usage
            and provider.stream_options
            and not parameters.asks_for_usage
        ),
        rate_limits=encode_limits(rate_limits_of(rails, covers)),
        throttles=tuple(throttle.throttle for throttle in throttles),
        throttle_limits=tuple(throttle.limit for throttle in throttles),
        shadows=frozenset(rail.scope for rail in rails if rail.is_shadow),
        shadow_refusals=principal.shadow_refusals(model.name, model.provider),
        begin_epoch_s=max(day.timestamp(), *(period.start_epoch_s for period in periods)),
        end_epoch_s=min([(day + timedelta(days=1)).timestamp(), *ends]),
    )


def admit(
    terms: Terms, parameters: Parameters, body_bytes: int, *, now_epoch_us: int, hold_life_ms: int, hold_id: str
) -> Admission:
    """The hold that a call of these terms needs."""
    principal, model = terms.principal, terms.model
    reserve = estimate(
        model,
        terms.schedule,
        terms.endpoint,
        body_bytes=body_bytes,
        bytes_per_token=principal.bytes_per_token,
        output_limit=parameters.output_limit,
        choices=parameters.choices,
    )
    # By their places, as in `Admission`: names cost microseconds here, for every call.
    hold = Hold(
        hold_id,
        principal.organization,
        principal.group_path,
        principal.member,
        principal.api_key,
        terms.endpoint,
        terms.streams,
        model.name,
        model.provider,
        model.upstream_name,
        terms.schedule.version,
        reserve.amount_nano_credits,
        reserve.input_tokens,
        reserve.output_tokens,
        terms.counters,
        now_epoch_us,
        now_epoch_us + hold_life_ms * 1_000,
        0,
        terms.throttles,
        terms.shadow_refusals,
    )
    return Admission(
        hold,
        terms.limits,
        terms.reset_epoch_s,
        terms.cluster,
        terms.upstream_path,
        terms.rewrite_model,
        terms.inject_include_usage,
        terms.rate_limits,
        terms.throttle_limits,
        terms.shadows,
        terms.memory,
    )


def _find_model(
    principal: Principal, endpoint: Endpoint, parameters: Parameters, prices: Prices, now_epoch_s: float
) -> tuple[Model, PriceSchedule, Provider] | Refusal:
    name = parameters.model
    model = prices.models.get(name)
    provider = prices.providers.get(model.provider) if model else None
    if model is None or provider is None:
        return Refusal(
            RefusalReason.MODEL_NOT_FOUND,
            f"The model {name[:128]!r} is not offered. GET /v1/models lists what you may use.",
            "model",
        )
    if not principal.may_call(model.name, model.provider):
        message = f"The model {name!r} is not on your whitelist. GET /v1/models lists what you may use."
        scope = principal.scope_that_forbids(model.name, model.provider)
        return Refusal(RefusalReason.MODEL_NOT_ALLOWED, message, "model", scope=scope)
    if endpoint not in model.endpoints:
        offered = ", ".join(model.endpoints)
        message = f"The model {name!r} is not offered for {endpoint}; it is for {offered}."
        return Refusal(RefusalReason.INVALID_PARAMETER, message, "model")
    schedule = model.schedule_at(datetime.fromtimestamp(now_epoch_s, UTC).date())
    if schedule is None:
        return Refusal(
            RefusalReason.MODEL_WITHOUT_PRICE, f"The model {name!r} has no price yet, so it cannot be called.", "model"
        )
    return model, schedule, provider
