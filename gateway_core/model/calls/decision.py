"""The decision on a call: a pure function of the call, its principal and the catalogue, up to the hold it asks for.

authz_service decides with it, and `explanations` explains with it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from gateway_core.model.calls.holds import Claims, Hold
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
from gateway_core.model.limits.throttles import throttles_of
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.records import record

MICROSECONDS_PER_SECOND = 10**6

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
class Prices:
    """What the catalogue says about the models on offer."""

    models: Mapping[str, Model]
    providers: Mapping[str, Provider]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call is limited by; amounts in nano-credits."""

    budgets: tuple[int | None, ...]
    """Of each counter of the hold, None for unlimited."""
    reset_epoch_s: tuple[int | None, ...]
    """When the budget of each counter starts again, None for never."""
    throttles: tuple[int, ...] = ()
    """Of each throttle of the hold: tokens per minute, or concurrent calls."""
    shadows: frozenset[Scope] = frozenset()
    """Scopes whose guardrails count what they would refuse, and refuse nothing."""
    requests: str = ""
    """Of every scope above the call that limits requests: `request_limits.encode_limits`; empty without any."""


@dataclass(frozen=True, slots=True)
class Route:
    """How Envoy reaches the provider."""

    cluster: str
    upstream_path: str
    rewrite_model: bool
    """Whether the body must name the model as the provider does."""
    inject_include_usage: bool
    """Whether a stream must be asked for its usage, which is hidden from the caller."""


@dataclass(frozen=True, slots=True)
class Validity:
    """For what and how long terms hold. The interval is half-open: the price day and the period of every counter."""

    principal: Principal
    prices: Prices
    begin_epoch_s: float
    end_epoch_s: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What the calls of one key with one operation of one model have in common, while prices and periods last.

    Everything of a decision that does not depend on the size of the call, so that it need not be found out for every call.
    """

    claims: Claims
    limits: Limits
    route: Route
    model: Model
    schedule: PriceSchedule
    bytes_per_token: int
    shadow_refusals: tuple[int, ...]
    """Places among the counters of those whose whitelists, in shadow mode, would refuse the model."""
    validity: Validity

    def hold_for(self, principal: Principal, prices: Prices, now_epoch_s: float) -> bool:
        """Whether they are what `agree` would find out now."""
        validity = self.validity
        return (
            principal is validity.principal
            and prices.models is validity.prices.models
            and prices.providers is validity.prices.providers
            and validity.begin_epoch_s <= now_epoch_s < validity.end_epoch_s
        )


@record(frozen=True, slots=True)
class Admission:
    """A call that may pass if its hold can be placed."""

    hold: Hold
    terms: Terms
    tokens_left: TokensLeft | None = None
    """As Redis has placed it."""

    def placed(
        self, number: int, shadow_refusals: tuple[int, ...], tokens_left: TokensLeft | None = None
    ) -> "Admission":
        """The admission with its hold as Redis has placed it."""
        return Admission(hold=self.hold.placed(number, shadow_refusals), terms=self.terms, tokens_left=tokens_left)


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
    return Terms(
        claims=Claims(
            organization=principal.organization,
            group_path=principal.group_path,
            member=principal.member,
            api_key=principal.api_key,
            endpoint=endpoint,
            streams=parameters.streams,
            requested_model=model.name,
            provider=model.provider,
            served_model=model.upstream_name,
            price_version=schedule.version,
            counters=tuple(counter_of(rail, period) for rail, period in zip(rails, periods, strict=True)),
            throttles=tuple(throttle.throttle for throttle in throttles),
        ),
        limits=Limits(
            budgets=tuple(rail.budget_nano_credits for rail in rails),
            reset_epoch_s=tuple(period.end_epoch_s for period in periods),
            throttles=tuple(throttle.limit for throttle in throttles),
            shadows=frozenset(rail.scope for rail in rails if rail.is_shadow),
            requests=encode_limits(rate_limits_of(rails, covers)),
        ),
        route=_route(endpoint, parameters, model, provider),
        model=model,
        schedule=schedule,
        bytes_per_token=principal.bytes_per_token,
        shadow_refusals=principal.shadow_refusals(model.name, model.provider),
        validity=_validity(principal, prices, periods, now_epoch_s),
    )


def _route(endpoint: Endpoint, parameters: Parameters, model: Model, provider: Provider) -> Route:
    streams = parameters.streams
    asks = endpoint.needs_include_usage and provider.stream_options
    return Route(
        cluster=provider.cluster,
        upstream_path=upstream_path(
            endpoint, provider.base_path(endpoint.dialect), model.upstream_name, streams=streams
        ),
        rewrite_model=endpoint is not Endpoint.GENERATE_CONTENT and model.upstream_name != parameters.model,
        inject_include_usage=streams and asks and not parameters.asks_for_usage,
    )


def _validity(principal: Principal, prices: Prices, periods: Sequence[Period], now_epoch_s: float) -> Validity:
    day = datetime.fromtimestamp(now_epoch_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = [period.end_epoch_s for period in periods if period.end_epoch_s is not None]
    return Validity(
        principal=principal,
        prices=prices,
        begin_epoch_s=max(day.timestamp(), *(period.start_epoch_s for period in periods)),
        end_epoch_s=min([(day + timedelta(days=1)).timestamp(), *ends]),
    )


def admit(
    terms: Terms, parameters: Parameters, body_bytes: int, *, now_epoch_us: int, hold_life_ms: int, hold_id: str
) -> Admission:
    """The hold that a call of these terms needs."""
    claims = terms.claims
    reserve = estimate(
        terms.model,
        terms.schedule,
        claims.endpoint,
        body_bytes=body_bytes,
        bytes_per_token=terms.bytes_per_token,
        output_limit=parameters.output_limit,
        choices=parameters.choices,
    )
    hold = Hold(
        hold_id=hold_id,
        claims=claims,
        amount_nano_credits=reserve.amount_nano_credits,
        input_tokens=reserve.input_tokens,
        output_tokens=reserve.output_tokens,
        placed_epoch_us=now_epoch_us,
        expires_epoch_us=now_epoch_us + hold_life_ms * 1_000,
        shadow_refusals=terms.shadow_refusals,
    )
    return Admission(hold=hold, terms=terms)


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
