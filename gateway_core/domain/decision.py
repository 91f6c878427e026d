"""The decision on a call: a pure function of the call, its principal and the catalogue, up to the hold it asks for.

authz_service decides with it, and `explanations` explains with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway_core.domain.catalog import Model, PriceSchedule, Provider
from gateway_core.domain.cycles import PeriodClock
from gateway_core.domain.dialects import Endpoint, upstream_path
from gateway_core.domain.holds import Hold
from gateway_core.domain.pricing import Estimate, estimate
from gateway_core.domain.principals import Principal
from gateway_core.domain.refusals import Refusal, RefusalReason
from gateway_core.domain.scopes import Counter, Scope, ScopeKind
from gateway_core.domain.throttles import THROTTLED_KINDS, ThrottleLimit, throttles_of

MICROSECONDS_PER_SECOND = 10**6

_EXPIRED = "This API key has expired. Create a new one or ask your admin."
_REPLACED = "This API key was rotated and the time of its old secret is over. Use the new one."


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the price of a call depends on."""

    model: str
    streams: bool
    output_limit: int | None
    """Tokens per choice, None when the caller set none."""
    choices: int
    asks_for_usage: bool


@dataclass(frozen=True, slots=True)
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
    requests_per_minute: Mapping[ScopeKind, int]
    """Rate limits of the member and of the key, where set."""
    throttle_limits: tuple[int, ...] = ()
    """Of each throttle of the hold."""
    shadows: frozenset[Scope] = frozenset()
    """Scopes whose guardrails count what they would refuse, and refuse nothing."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What the catalogue says about the models on offer."""

    models: Mapping[str, Model]
    providers: Mapping[str, Provider]


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
    now_epoch_s = now_epoch_us / MICROSECONDS_PER_SECOND
    found = _find_model(principal, endpoint, parameters, prices, now_epoch_s)
    if isinstance(found, Refusal):
        return found
    model, schedule, provider = found
    throttles = throttles_of(principal.guardrails)
    reserve = estimate(
        model,
        schedule,
        endpoint,
        body_bytes=body_bytes,
        bytes_per_token=principal.bytes_per_token,
        output_limit=parameters.output_limit,
        choices=parameters.choices,
    )
    periods = [clock.period_at(rail.cycle, principal.zone, now_epoch_s) for rail in principal.guardrails]
    counters = tuple(
        Counter(rail.scope.kind, rail.scope.scope_id, rail.cycle, period.start_epoch_s, rail.cycle_revision)
        for rail, period in zip(principal.guardrails, periods, strict=True)
    )
    hold = _hold(
        principal, endpoint, parameters, model, schedule, reserve, counters, throttles,
        make_hold_id(), now_epoch_us, hold_life_ms,
    )  # fmt: skip
    return Admission(
        hold=hold,
        limits=tuple(rail.budget_nano_credits for rail in principal.guardrails),
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
        requests_per_minute={
            rail.scope.kind: rail.requests_per_minute
            for rail in principal.guardrails
            if rail.requests_per_minute is not None and rail.scope.kind in THROTTLED_KINDS
        },
        throttle_limits=tuple(throttle.limit for throttle in throttles),
        shadows=frozenset(rail.scope for rail in principal.guardrails if rail.is_shadow),
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
        return Refusal(RefusalReason.MODEL_NOT_ALLOWED, message, "model")
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


def _hold(
    principal: Principal,
    endpoint: Endpoint,
    parameters: Parameters,
    model: Model,
    schedule: PriceSchedule,
    reserve: Estimate,
    counters: tuple[Counter, ...],
    throttles: tuple[ThrottleLimit, ...],
    hold_id: str,
    now_epoch_us: int,
    hold_life_ms: int,
) -> Hold:
    return Hold(
        hold_id=hold_id,
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
        amount_nano_credits=reserve.amount_nano_credits,
        input_tokens=reserve.input_tokens,
        output_tokens=reserve.output_tokens,
        counters=counters,
        placed_epoch_us=now_epoch_us,
        expires_epoch_us=now_epoch_us + hold_life_ms * 1_000,
        throttles=tuple(throttle.throttle for throttle in throttles),
        shadow_refusals=principal.shadow_refusals(model.name, model.provider),
    )
