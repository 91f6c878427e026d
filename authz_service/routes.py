"""Chooses the model of a call to a virtual model. Calls to other models do not come here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from authz_service.request.call import Call
from gateway_core.contract.headers import ROUTE
from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.decision import CatalogView, Parameters, Terms, agree
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason, refuse_parameter
from gateway_core.model.catalog.entries import VIRTUAL_PROVIDER
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.choice import Asked, Candidate, Choice, Override, Unroutable, Wish, choose
from gateway_core.model.routing.needs import Body, needs_of
from gateway_core.model.routing.routed_as import RoutedAs
from gateway_core.model.routing.virtual_models import VirtualModel
from gateway_core.runtime.bounded_memory import BoundedMemory

USE_CASE_TAG: Final = "use-case"
"""The tag by which a caller says what a call is for. Without it, the use case is the name of the virtual model."""
_ENTRIES: Final = 4_096
_ROUTED: Final = frozenset(
    {
        Endpoint.CHAT_COMPLETIONS,
        Endpoint.COMPLETIONS,
        Endpoint.RESPONSES,
        Endpoint.MESSAGES,
        Endpoint.GENERATE_CONTENT,
    }
)
"""The operations whose answers are text of any model. Vectors of two models, for instance, cannot be compared."""
_WISHES: Final = {wish.value: wish for wish in Wish}


@record(frozen=True, slots=True, eq=False)
class _Eligible:
    """The candidates of calls of one kind, and for what they hold."""

    virtual: VirtualModel
    principal: Principal
    prices: CatalogView
    end_epoch_s: float
    candidates: tuple[Candidate, ...]
    dearest: tuple[Candidate, ...]
    refusals: Mapping[str, Refusal]
    """Why candidates may not be called, by name."""

    def holds_for(self, virtual: VirtualModel, principal: Principal, prices: CatalogView, now_epoch_s: float) -> bool:
        return (
            virtual is self.virtual
            and principal is self.principal
            and prices.models is self.prices.models
            and prices.providers is self.prices.providers
            and now_epoch_s < self.end_epoch_s
        )


_DAY_S: Final = 86_400


class Routes:
    """The routes of one process. It remembers which candidates may serve calls of one kind."""

    def __init__(self, clock: PeriodClock, entries: int = _ENTRIES) -> None:
        self._clock = clock
        self._known: BoundedMemory[tuple[object, ...], _Eligible] = BoundedMemory(entries)

    def route(
        self,
        call: Call,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        virtual: VirtualModel,
        prices: CatalogView,
        tags: Tags,
        now_epoch_s: float,
    ) -> Parameters | Refusal:
        """Returns the parameters with the model that serves the call, or the refusal."""
        if not principal.may_call(virtual.name, VIRTUAL_PROVIDER):
            return refuse_virtual(virtual.name, principal)
        if endpoint not in _ROUTED:
            message = f"The model {virtual.name!r} is a virtual model, which is not for {endpoint}. Name another model."
            return Refusal(RefusalReason.INVALID_PARAMETER, message, "model")
        override = read_override(call, prices)
        if isinstance(override, Refusal):
            return override
        eligible = self._eligible(secret_hash, principal, endpoint, parameters, virtual, prices, now_epoch_s)
        asked = asked_of(endpoint, parameters, call.body_bytes, virtual, tags, override)
        choice = choose(virtual, principal.routing.policy, eligible.candidates, asked, eligible.dearest)
        if isinstance(choice, Unroutable):
            return _refuse(choice, virtual, eligible.refusals)
        return replace(
            parameters, model=choice.served, routed=routed_as(virtual, choice, asked.use_case, eligible.candidates)
        )

    def _eligible(
        self,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        virtual: VirtualModel,
        prices: CatalogView,
        now_epoch_s: float,
    ) -> _Eligible:
        key = (secret_hash, endpoint, virtual.name, parameters.streams, parameters.query, parameters.specials)
        known = self._known.get(key)
        if known is not None and known.holds_for(virtual, principal, prices, now_epoch_s):
            return known

        def agreed(model: str) -> Terms | Refusal:
            return agree(principal, endpoint, replace(parameters, model=model), prices, now_epoch_s, self._clock)

        found = {name: agreed(name) for name in virtual.candidates}
        # Prices, whatever the caller may call.
        day = datetime.fromtimestamp(now_epoch_s, UTC).date()
        dearest = [prices.models.get(name) for name in principal.routing.policy.max_price_models]
        ends = [terms.validity.end_epoch_s for terms in found.values() if isinstance(terms, Terms)]
        eligible = _Eligible(
            virtual=virtual,
            principal=principal,
            prices=prices,
            end_epoch_s=min([(now_epoch_s // _DAY_S + 1) * _DAY_S, *ends]),
            candidates=tuple(candidate_of(name, terms) for name, terms in found.items()),
            dearest=tuple(Candidate(one.name, one, one.schedule_at(day)) for one in dearest if one is not None),
            refusals={name: terms for name, terms in found.items() if isinstance(terms, Refusal)},
        )
        self._known.remember(key, eligible)
        return eligible


def virtual_model_of(name: str, principal: Principal, prices: CatalogView) -> VirtualModel | None:
    """Returns the virtual model that a caller means; None if the name is that of a model, or of nothing."""
    if name in prices.models:
        return None
    return principal.routing.virtual_models.get(name) or prices.virtual_models.get(name)


def candidate_of(name: str, terms: Terms | Refusal) -> Candidate:
    """Returns the candidate that a model is, by its terms for calls of one kind."""
    if isinstance(terms, Refusal):
        return Candidate(name)
    return Candidate(name, terms.model, terms.schedule)


def asked_of(
    endpoint: Endpoint,
    parameters: Parameters,
    body_bytes: int,
    virtual: VirtualModel,
    tags: Tags,
    override: Override | None,
) -> Asked:
    """Returns what the choice depends on."""
    specials = parameters.specials
    has_tools = parameters.has_tools or bool(specials and specials.asked.tools)
    use_case = next((value for name, value in tags if name == USE_CASE_TAG), virtual.name)
    return Asked(
        use_case=use_case,
        needs=needs_of(parameters.size, has_tools=has_tools, thinks=parameters.thinking_tokens > 0),
        body=Body(endpoint, body_bytes, parameters.size),
        output_limit=parameters.output_limit,
        names_stored=bool(parameters.references),
        override=override,
    )


def routed_as(virtual: VirtualModel, choice: Choice, use_case: str, candidates: Sequence[Candidate]) -> RoutedAs:
    """Returns what the hold says about a choice."""
    versions = {one.name: one.schedule.version for one in candidates if one.schedule is not None}
    can_compare = any(one.name == virtual.baseline and one.cost_nano_credits is not None for one in choice.judged)
    return RoutedAs(
        virtual_model=virtual.name,
        revision=virtual.revision,
        arm=choice.arm,
        reason=choice.reason,
        is_simple=choice.is_simple,
        use_case=use_case,
        baseline=virtual.baseline,
        baseline_price_version=versions.get(virtual.baseline, 0) if can_compare else 0,
        chosen=choice.chosen,
        chosen_price_version=versions[choice.chosen],
    )


def _refuse(found: Unroutable, virtual: VirtualModel, refusals: Mapping[str, Refusal]) -> Refusal:
    """Returns the refusal of the baseline if no candidate may be called; otherwise one that says what is wrong with each."""
    if found.none_is_offered and virtual.baseline in refusals:
        return refusals[virtual.baseline]
    return Refusal(RefusalReason.INVALID_PARAMETER, found.message, found.parameter)


def refuse_virtual(name: str, principal: Principal) -> Refusal:
    """Returns the refusal of a virtual model that a whitelist forbids."""
    message = f"The model {name!r} is not on your whitelist. GET /v1/models lists what you may use."
    return Refusal(
        RefusalReason.MODEL_NOT_ALLOWED, message, "model", scope=principal.scope_that_forbids(name, VIRTUAL_PROVIDER)
    )


def read_override(call: Call, prices: CatalogView) -> Override | Refusal | None:
    """Returns what the caller asks for by the header `x-route`: `best`, `cheapest` or `model=NAME`."""
    text = call.header(ROUTE).strip()
    if not text:
        return None
    wish, _, name = text.partition("=")
    found = _WISHES.get(wish)
    model = prices.models.get(name.strip())
    if found is None or (found is Wish.MODEL) != bool(name):
        return refuse_parameter(ROUTE, "must be 'best', 'cheapest' or 'model=NAME'")
    return Override(found, model.name if model else name.strip())
