"""The decision on a call, up to the hold that it needs: a pure function of the call, its principal and the catalog.

authz_service decides with it, and `explanations` explains with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.call_limits import CountedBudget, Limits, budgets_of, limits_of
from gateway_core.model.calls.holds import Claims, Hold
from gateway_core.model.calls.named_models import CatalogView, find_model
from gateway_core.model.calls.placements import Placed
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.calls.routes import Route, route_of
from gateway_core.model.calls.special_requests import ReservedAs, Specials, check_specials
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.catalog.reserves import FREE, BudgetMode, OutputShare, reserve
from gateway_core.model.catalog.units import reserve_units
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.guardrails import RateRule, ends_of, in_force
from gateway_core.model.limits.model_budgets import ModelBudget
from gateway_core.model.limits.request_limits import encode_limits, rate_limits_of
from gateway_core.model.limits.throttles import throttles_of
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.routed_as import RoutedAs

MICROSECONDS_PER_SECOND = 10**6

_MESSAGES = Endpoint.MESSAGES
"""Looked up once, because Python 3.11 finds members of enumerations slowly."""


@record(frozen=True, slots=True)
class Parameters:
    """The request parameters that the price of a call depends on."""

    model: str
    streams: bool
    output_limit: int | None
    """Maximum output tokens per choice; None if the caller set no limit."""
    choices: int
    """Answers that the caller asks for, for all prompts."""
    asks_for_usage: bool
    thinking_tokens: int = 0
    """The thinking budget that the body names."""
    query: str = ""
    """The part of the query that goes on to the provider."""
    size: RequestSize | None = None
    """The sizes of the parts of the body; None if it is one prompt of text."""
    references: tuple[str, ...] = ()
    """What the body names of what the provider stores, as `<kind>:<id>`."""
    specials: Specials | None = None
    """What may change the price beyond that; None if nothing does."""
    has_cache_control: bool = False
    """Whether the body marks something that the provider is to cache."""
    has_tools: bool = False
    """Whether the body has tools, the caller's own functions included."""
    has_compaction: bool = False
    """Whether the provider may summarize the conversation before it answers."""
    routed: RoutedAs | None = None
    """How the model was chosen; None if the caller named it."""
    deployment: int | None = None
    """Which deployment of the model is to serve the call, as an index; None if the model has only one, or any may."""
    session: str = ""
    """The conversation of a call whose model was chosen, as a keyed hash; empty if it is not known."""
    turns: int = 0
    """How many turns that conversation has; 0 if it is not known."""
    is_elsewhere: bool = False
    """Whether another model would serve the call if it were repeated because the chosen one failed."""

    @property
    def named(self) -> str:
        """The model as the caller named it."""
        return self.routed.virtual_model if self.routed else self.model

    def served_by(
        self, model: str, routed: RoutedAs, session: str, turns: int, *, is_elsewhere: bool = False
    ) -> "Parameters":
        """Returns the parameters of the call to the model that serves it.

        It does not use `dataclasses.replace`, which would cost a tenth of the choice.
        """
        return Parameters(
            model=model,
            streams=self.streams,
            output_limit=self.output_limit,
            choices=self.choices,
            asks_for_usage=self.asks_for_usage,
            thinking_tokens=self.thinking_tokens,
            query=self.query,
            size=self.size,
            references=self.references,
            specials=self.specials,
            has_cache_control=self.has_cache_control,
            has_tools=self.has_tools,
            has_compaction=self.has_compaction,
            routed=routed,
            deployment=self.deployment,
            session=session,
            turns=turns,
            is_elsewhere=is_elsewhere,
        )


@dataclass(frozen=True, slots=True)
class Validity:
    """What terms depend on, and the half-open interval in which they hold.

    The interval lies within one price day, within the current period of every counter, and ends with the first temporary limit.
    """

    principal: Principal
    prices: CatalogView
    begin_epoch_s: float
    end_epoch_s: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What all calls of one key to one endpoint of one model share while prices and periods last.

    It holds every part of a decision that does not depend on the size of the call, so it is computed once for many
    calls.
    """

    claims: Claims
    limits: Limits
    route: Route
    provider: Provider
    model: Model
    schedule: PriceSchedule
    reserved_as: ReservedAs
    bytes_per_token: int
    budget_mode: BudgetMode
    shadow_refusals: tuple[int, ...]
    """Indexes of the counters whose whitelists, in shadow mode, would refuse the model."""
    validity: Validity
    own_key: str = ""
    """The id of the organization's own key at the provider; empty if calls carry the gateway's."""

    def hold_for(self, principal: Principal, prices: CatalogView, now_epoch_s: float) -> bool:
        """Returns whether `agree` would return the same terms now."""
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
    share: OutputShare | None = None
    """Set if the gateway may write an output limit into the call, which then reserves less."""
    placement: Placed | None = None
    """How Redis placed the hold; None before."""

    @property
    def least_nano_credits(self) -> int:
        """The smallest amount with which the call can be admitted."""
        least = self.hold.amount_nano_credits
        return least if self.share is None else min(least, self.share.amount_nano_credits(self.share.least_tokens))

    def placed(self, placement: Placed, shadow_refusals: tuple[int, ...]) -> "Admission":
        """Returns the admission with its hold as Redis placed it."""
        cut, before, hold = placement.cut, placement.before, self.hold
        amount = cut.amount_nano_credits if cut else hold.amount_nano_credits
        if before:
            hold, amount = hold.placed_at(before.placed_epoch_us), before.amount_nano_credits
        return Admission(
            hold=hold.placed(placement.number, shadow_refusals, amount),
            terms=self.terms,
            share=self.share,
            placement=placement,
        )


def decide(
    principal: Principal,
    endpoint: Endpoint,
    parameters: Parameters,
    body_bytes: int,
    prices: CatalogView,
    *,
    now_epoch_us: int,
    hold_life_ms: int,
    make_hold_id: Callable[[], str],
    clock: PeriodClock,
) -> Admission | Refusal:
    """Checks the whitelists, the catalog and the price, and estimates the cost.

    Returns the admission with the hold that the call needs, or the refusal.
    """
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
    prices: CatalogView,
    now_epoch_s: float,
    clock: PeriodClock,
) -> Terms | Refusal:
    """Returns the terms of a call, or the refusal if no call of this kind may pass, whatever its size.

    `parameters.output_limit` and `parameters.choices` do not matter.
    """
    found = find_model(principal, endpoint, parameters.model, parameters.deployment, prices, now_epoch_s)
    if isinstance(found, Refusal):
        return found
    model, schedule, provider = found
    reserved_as = _reserved_as(principal, endpoint, parameters, found, prices, now_epoch_s)
    if isinstance(reserved_as, Refusal):
        return reserved_as
    rails = in_force(principal.guardrails, now_epoch_s)
    own_key = principal.own_key_at(model.provider)

    def covers(rule: RateRule | ModelBudget) -> bool:
        return rule.covers(model.name, model.provider)

    throttles = throttles_of(rails, covers)
    zone = principal.zone
    budgets = budgets_of(rails, lambda cycle: clock.period_at(cycle, zone, now_epoch_s), zone, covers)
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
            counters=tuple(budget.counter for budget in budgets),
            throttles=tuple(throttle.throttle for throttle in throttles),
            routed=parameters.routed,
            own_key=bool(own_key),
        ),
        limits=limits_of(
            rails, budgets, throttles, encode_limits(rate_limits_of(rails, covers)), is_free=endpoint.is_free
        ),
        route=route_of(
            endpoint,
            model,
            provider,
            named=parameters.named,
            query=parameters.query,
            streams=parameters.streams,
            asks_for_usage=parameters.asks_for_usage,
            has_own_key=bool(own_key),
        ),
        provider=provider,
        model=model,
        schedule=schedule,
        reserved_as=reserved_as,
        bytes_per_token=principal.bytes_per_token,
        budget_mode=principal.budget_mode,
        shadow_refusals=() if endpoint.uploads else principal.shadow_refusals(model.name, model.provider),
        validity=_validity(principal, prices, budgets, ends_of(rails), now_epoch_s),
        own_key=own_key,
    )


def _reserved_as(
    principal: Principal,
    endpoint: Endpoint,
    parameters: Parameters,
    found: tuple[Model, PriceSchedule, Provider],
    prices: CatalogView,
    now_epoch_s: float,
) -> ReservedAs | Refusal:
    """Returns the model that a hold must cover: the one called, or a dearer one that the body also names."""
    model, schedule, provider = found
    if parameters.specials is None:
        reserved = ReservedAs(model, schedule)
    else:
        day = datetime.fromtimestamp(now_epoch_s, UTC).date()
        checked = check_specials(
            parameters.specials,
            principal,
            endpoint,
            (model, schedule),
            provider,
            prices.models,
            lambda other: other.schedule_at(day),
        )
        if isinstance(checked, Refusal):
            return checked
        reserved = checked
    # What a search costs depends on its size, so `reserve` computes it for tokens and for search units.
    return replace(reserved, tool_fees_nano_credits=0, unit=None) if endpoint.ranks else reserved


def _validity(
    principal: Principal,
    prices: CatalogView,
    budgets: Sequence[CountedBudget],
    limit_ends_epoch_s: Sequence[float],
    now_epoch_s: float,
) -> Validity:
    day = datetime.fromtimestamp(now_epoch_s, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = [budget.reset_epoch_s for budget in budgets if budget.reset_epoch_s is not None]
    return Validity(
        principal=principal,
        prices=prices,
        begin_epoch_s=max(day.timestamp(), *(budget.counter.cycle_start_epoch_s for budget in budgets)),
        end_epoch_s=min([(day + timedelta(days=1)).timestamp(), *ends, *limit_ends_epoch_s]),
    )


def admit(
    terms: Terms,
    parameters: Parameters,
    body_bytes: int,
    *,
    now_epoch_us: int,
    hold_life_ms: int,
    hold_id: str,
    tags: Tags = (),
) -> Admission:
    """Returns the admission of a call with these terms: its hold, not yet placed."""
    claims = terms.claims
    reserved_as = terms.reserved_as
    if claims.endpoint.is_free:
        reserved = FREE
    elif reserved_as.unit is not None and parameters.size is not None:
        reserved = reserve_units(reserved_as.schedule, reserved_as.unit, parameters.size, terms.budget_mode)
    else:
        reserved = reserve(
            reserved_as.model,
            reserved_as.schedule,
            claims.endpoint,
            terms.budget_mode,
            body_bytes=body_bytes,
            bytes_per_token=terms.bytes_per_token,
            output_limit=parameters.output_limit,
            choices=parameters.choices,
            thinking_tokens=parameters.thinking_tokens,
            size=parameters.size,
            tool_fees_nano_credits=reserved_as.tool_fees_nano_credits,
            described_tools=reserved_as.described_tools + (parameters.has_tools and claims.endpoint is _MESSAGES),
            compacts=parameters.has_compaction,
            writes_cache=claims.endpoint is not _MESSAGES or reserved_as.may_write_cache(parameters.has_cache_control),
        )
    hold = Hold(
        hold_id=hold_id,
        claims=claims,
        amount_nano_credits=reserved.amount_nano_credits,
        input_tokens=reserved.input_tokens,
        output_tokens=reserved.output_tokens,
        placed_epoch_us=now_epoch_us,
        expires_epoch_us=now_epoch_us + hold_life_ms * 1_000,
        shadow_refusals=terms.shadow_refusals,
        tags=tags,
        session=parameters.session,
        turns=parameters.turns,
    )
    return Admission(hold=hold, terms=terms, share=reserved.share)
