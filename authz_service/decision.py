"""The decision on a call: a pure function of the call, its principal and the catalogue, up to the hold it asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from authz_service.parameters import Parameters
from gateway_core.domain.catalog import Model, PriceSchedule, Provider
from gateway_core.domain.cycles import PeriodClock
from gateway_core.domain.dialects import Endpoint, upstream_path
from gateway_core.domain.holds import Hold
from gateway_core.domain.money import format_credits
from gateway_core.domain.placements import ExhaustedCounter
from gateway_core.domain.pricing import Estimate, estimate
from gateway_core.domain.principals import Principal
from gateway_core.domain.refusals import ExhaustedLimit, Refusal, RefusalReason
from gateway_core.domain.scopes import Counter, ScopeKind

MICROSECONDS_PER_SECOND = 10**6

_SCOPE_NAMES = {
    ScopeKind.API_KEY: "API key",
    ScopeKind.MEMBER: "member",
    ScopeKind.GROUP: "group",
    ScopeKind.ORGANIZATION: "organization",
}


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


@dataclass(frozen=True, slots=True)
class Prices:
    """What the catalogue says about the models on offer."""

    models: Mapping[str, Model]
    providers: Mapping[str, Provider]


def refuse_principal(principal: Principal, now_epoch_s: float) -> Refusal | None:
    """Why the holder of a right key may not call at all, if so."""
    if not principal.api_key_active:
        return Refusal(
            RefusalReason.KEY_DISABLED, "This API key is disabled. Ask your admin to enable it, or use another key."
        )
    if principal.expire_epoch_s is not None and principal.expire_epoch_s <= now_epoch_s:
        return Refusal(RefusalReason.KEY_EXPIRED, "This API key has expired. Create a new one or ask your admin.")
    if not principal.member_active:
        return Refusal(RefusalReason.MEMBER_SUSPENDED, "Your membership is suspended. Ask your admin.")
    if not principal.organization_active:
        return Refusal(
            RefusalReason.ORGANIZATION_SUSPENDED, "Your organization is suspended. Ask your billing contact."
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
        principal, endpoint, parameters, model, schedule, reserve, counters, make_hold_id(), now_epoch_us, hold_life_ms
    )
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
            if rail.requests_per_minute is not None and rail.scope.kind in {ScopeKind.API_KEY, ScopeKind.MEMBER}
        },
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
    if not principal.may_call(name):
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
    )


def refuse_exhausted(admission: Admission, exhausted: tuple[ExhaustedCounter, ...]) -> Refusal:
    """The refusal for limits that could not carry the hold; the message names the narrowest, the body all of them."""
    limits = tuple(_exhausted_limit(admission, counter) for counter in exhausted)
    amount = format_credits(admission.hold.amount_nano_credits)
    first = limits[0]
    if first.scope is None:
        available = format_credits(first.limit_nano_credits - first.held_nano_credits)
        message = (
            f"The organization's credit is exhausted: this call needs up to {amount} credits, {available} are available."
            " Ask an admin to top up."
        )
        return Refusal(RefusalReason.CREDIT_EXHAUSTED, message, limits=limits)
    left = format_credits(max(0, first.limit_nano_credits - first.used_nano_credits - first.held_nano_credits))
    reset = (
        ""
        if first.reset_epoch_s is None
        else f" It resets at {datetime.fromtimestamp(first.reset_epoch_s, UTC).isoformat()}."
    )
    message = (
        f"The budget of {_SCOPE_NAMES[first.scope.kind]} {first.scope.scope_id!r} is exhausted: this call needs up to {amount}"
        f" credits, {left} of {format_credits(first.limit_nano_credits)} are left.{reset} Lower max_tokens or ask an admin."
    )
    return Refusal(RefusalReason.BUDGET_EXHAUSTED, message, limits=limits)


def _exhausted_limit(admission: Admission, counter: ExhaustedCounter) -> ExhaustedLimit:
    if counter.index is None:
        return ExhaustedLimit(None, counter.settled_nano_credits, 0, counter.held_nano_credits, None)
    limit = admission.limits[counter.index]
    return ExhaustedLimit(
        scope=admission.hold.counters[counter.index].scope,
        limit_nano_credits=0 if limit is None else limit,
        used_nano_credits=counter.settled_nano_credits,
        held_nano_credits=counter.held_nano_credits,
        reset_epoch_s=admission.reset_epoch_s[counter.index],
    )
