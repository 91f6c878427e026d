"""Calls to virtual models: finds the candidates that may serve one, chooses, and puts the choice into the parameters.

authz_service decides with it, and admin_service explains with it.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Final

from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.decision import Parameters, Terms, agree
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.entries import VIRTUAL_PROVIDER
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.choice import Arm, Asked, Candidate, Choice, Reason, Unroutable, choose
from gateway_core.model.routing.conversations import NO_CONVERSATION, Before, Conversation
from gateway_core.model.routing.needs import Body, needs_of
from gateway_core.model.routing.override_header import Override
from gateway_core.model.routing.routed_as import RoutedAs
from gateway_core.model.routing.virtual_models import NO_SCORES, Scores, VirtualModel

USE_CASE_TAG: Final = "use-case"
"""The tag by which a caller says what a call is for. Without it, the use case is the name of the virtual model."""
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
_DAY_S: Final = 86_400
_CHOICES_MAX: Final = 256
"""Callers name use cases as they like."""


@record(frozen=True, slots=True, eq=False)
class Eligible:
    """The candidates for calls of one kind, and for what they hold."""

    virtual: VirtualModel
    principal: Principal
    prices: CatalogView
    end_epoch_s: float
    candidates: tuple[Candidate, ...]
    dearest: tuple[Candidate, ...]
    refusals: Mapping[str, Refusal]
    """Why candidates may not be called, by name."""
    choices: dict[tuple[object, ...], RoutedAs] = field(default_factory=dict)
    """What holds say about the choices that were made lately."""

    def holds_for(self, virtual: VirtualModel, principal: Principal, prices: CatalogView, now_epoch_s: float) -> bool:
        """Returns whether `eligible` would return the same now."""
        return (
            virtual is self.virtual
            and principal is self.principal
            and prices.models is self.prices.models
            and prices.providers is self.prices.providers
            and now_epoch_s < self.end_epoch_s
        )


def virtual_model_of(name: str, principal: Principal, prices: CatalogView) -> VirtualModel | None:
    """Returns the virtual model that a caller means; None if the name is that of a model, or of nothing."""
    if name in prices.models:
        return None
    return principal.routing.virtual_models.get(name) or prices.virtual_models.get(name)


def eligible(
    principal: Principal,
    endpoint: Endpoint,
    parameters: Parameters,
    virtual: VirtualModel,
    prices: CatalogView,
    now_epoch_s: float,
    clock: PeriodClock,
) -> Eligible | Refusal:
    """Returns which candidates may serve calls like this one, or the refusal if the virtual model may not be called so."""
    if not principal.may_call(virtual.name, VIRTUAL_PROVIDER):
        message = f"The model {virtual.name!r} is not on your whitelist. GET /v1/models lists what you may use."
        scope = principal.scope_that_forbids(virtual.name, VIRTUAL_PROVIDER)
        return Refusal(RefusalReason.MODEL_NOT_ALLOWED, message, "model", scope=scope)
    if endpoint not in _ROUTED:
        message = f"The model {virtual.name!r} is a virtual model, which is not for {endpoint}. Name another model."
        return Refusal(RefusalReason.INVALID_PARAMETER, message, "model")
    found = {
        name: agree(principal, endpoint, replace(parameters, model=name), prices, now_epoch_s, clock)
        for name in virtual.candidates
    }
    day = datetime.fromtimestamp(now_epoch_s, UTC).date()
    # Only their prices matter, whatever the caller may call.
    dearest = [prices.models.get(name) for name in principal.routing.policy.max_price_models]
    ends = [terms.validity.end_epoch_s for terms in found.values() if isinstance(terms, Terms)]
    return Eligible(
        virtual=virtual,
        principal=principal,
        prices=prices,
        end_epoch_s=min([(now_epoch_s // _DAY_S + 1) * _DAY_S, *ends]),
        candidates=tuple(_candidate(name, terms) for name, terms in found.items()),
        dearest=tuple(Candidate(one.name, one, one.schedule_at(day)) for one in dearest if one is not None),
        refusals={name: terms for name, terms in found.items() if isinstance(terms, Refusal)},
    )


def choose_among(found: Eligible, asked: Asked) -> Choice | Unroutable:
    """Returns the choice about a call, or what is wrong."""
    return choose(found.virtual, found.principal.routing.policy, found.candidates, asked, found.dearest)


def refusal_of(found: Eligible, wrong: Unroutable) -> Refusal:
    """Returns the refusal of a call that no candidate serves: that of the baseline if none may be called at all."""
    if wrong.none_is_offered and found.virtual.baseline in found.refusals:
        return found.refusals[found.virtual.baseline]
    return Refusal(RefusalReason.INVALID_PARAMETER, wrong.message, wrong.parameter)


def asked_of(
    endpoint: Endpoint,
    parameters: Parameters,
    body_bytes: int,
    virtual: VirtualModel,
    tags: Tags,
    override: Override | None,
    conversation: Conversation = NO_CONVERSATION,
    before: Before | None = None,
    scores: Scores = NO_SCORES,
) -> Asked:
    """Returns what the choice depends on."""
    specials = parameters.specials
    has_tools = parameters.has_tools or bool(specials and specials.asked.tools)
    return Asked(
        use_case=next((value for name, value in tags if name == USE_CASE_TAG), virtual.name) if tags else virtual.name,
        needs=needs_of(parameters.size, has_tools=has_tools, thinks=parameters.thinking_tokens > 0),
        body=Body(endpoint, body_bytes, parameters.size),
        output_limit=parameters.output_limit,
        names_stored=bool(parameters.references),
        override=override,
        conversation=conversation,
        before=before,
        marks_cache=parameters.has_cache_control,
        scores=scores,
    )


def routed(parameters: Parameters, found: Eligible, choice: Choice, asked: Asked) -> Parameters:
    """Returns the parameters of the call to the model that serves it."""
    # Members of enumerations are hashed slowly, and never go away.
    compared = _can_compare(found.virtual, choice)
    key = (choice.served, choice.chosen, id(choice.arm), id(choice.reason), choice.is_simple, compared, asked.use_case)
    routed_as = found.choices.get(key)
    if routed_as is None:
        if len(found.choices) >= _CHOICES_MAX:
            found.choices.clear()
        routed_as = found.choices[key] = _routed_as(found, choice, asked)
    conversation = asked.conversation
    return parameters.served_by(choice.served, routed_as, conversation.session, conversation.turns)


def routed_cheaper(parameters: Parameters, found: Eligible, choice: Choice, asked: Asked) -> tuple[Parameters, ...]:
    """Returns the parameters of the call to each model that serves it once a budget is nearly used up, the dearest first."""
    return tuple(
        routed(
            parameters,
            found,
            replace(choice, served=name, chosen=name, arm=Arm.ROUTED, reason=Reason.DEGRADED, cheaper=()),
            asked,
        )
        for name in choice.cheaper
    )


def _candidate(name: str, terms: Terms | Refusal) -> Candidate:
    return Candidate(name) if isinstance(terms, Refusal) else Candidate(name, terms.model, terms.schedule)


def _can_compare(virtual: VirtualModel, choice: Choice) -> bool:
    """Returns whether the baseline could serve the call."""
    for one in choice.judged:
        if one.name == virtual.baseline:
            return one.cost_nano_credits is not None
    return False


def _routed_as(found: Eligible, choice: Choice, asked: Asked) -> RoutedAs:
    virtual = found.virtual
    versions = {one.name: one.schedule.version for one in found.candidates if one.schedule is not None}
    return RoutedAs(
        virtual_model=virtual.name,
        revision=virtual.revision,
        arm=choice.arm,
        reason=choice.reason,
        is_simple=choice.is_simple,
        use_case=asked.use_case,
        baseline=virtual.baseline,
        baseline_price_version=versions.get(virtual.baseline, 0) if _can_compare(virtual, choice) else 0,
        chosen=choice.chosen,
        chosen_price_version=versions[choice.chosen],
        virtual_model_id=virtual.virtual_model_id,
        max_loss_basis_points=found.principal.routing.policy.max_loss_basis_points,
    )
