"""Calls to virtual models: finds the candidates that may serve one, chooses, and puts the choice into the parameters.

authz_service decides with it, and admin_service explains with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Final

from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.decision import Parameters, Terms, agree
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.capabilities import Capability
from gateway_core.model.catalog.entries import VIRTUAL_PROVIDER
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.choice import Arm, Choice, Reason, Unroutable, choose
from gateway_core.model.routing.conversations import NO_CONVERSATION, Before, Conversation
from gateway_core.model.routing.judging import CAN_SERVE, Asked, Candidate, Plan, plan_of
from gateway_core.model.routing.needs import Body, needs_of
from gateway_core.model.routing.override_header import Override
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.routed_as import RoutedAs
from gateway_core.model.routing.usual_choices import UsualChoice, usual_choice
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
ALL_HEALTHY: Final[frozenset[str]] = frozenset()
_DAY_S: Final = 86_400
_CHOICES_MAX: Final = 256
"""Callers name use cases as they like."""


@record(frozen=True, slots=True, eq=False)
class Planned:
    """How calls with one use case and the same needs are decided."""

    plan: Plan
    usual: UsualChoice | None
    """What most of them get; None if each takes a comparison."""
    routed_as: Mapping[int, RoutedAs]
    """What holds say about the usual choices, by their identity."""


@record(frozen=True, slots=True, eq=False)
class Offer:
    """A virtual model as a policy and the whitelists of callers leave it. Most callers of an organization share one."""

    virtual: VirtualModel
    policy: AppliedPolicy
    candidates: tuple[Candidate, ...]
    dearest: tuple[Candidate, ...]
    use_cases: frozenset[str]
    """Those of which the virtual model or the policy says something. All others are alike."""
    plans: dict[tuple[str, frozenset[Capability]], Planned] = field(default_factory=dict)
    """By use case, or nothing for one that is not known, and by needs."""
    choices: dict[tuple[object, ...], RoutedAs] = field(default_factory=dict)
    """What holds say about the choices that were made lately."""


def offer_of(
    virtual: VirtualModel, policy: AppliedPolicy, candidates: tuple[Candidate, ...], dearest: tuple[Candidate, ...]
) -> Offer:
    """Returns the offer of a virtual model."""
    use_cases = frozenset((*virtual.losses, *virtual.scored_losses, *virtual.returned, *policy.floors))
    return Offer(virtual, policy, candidates, dearest, use_cases)


@record(frozen=True, slots=True, eq=False)
class Eligible:
    """What is offered to one caller for calls of one kind, and for what it holds."""

    offer: Offer
    principal: Principal
    prices: CatalogView
    end_epoch_s: float
    refusals: Mapping[str, Refusal]
    """Why candidates may not be called, by name."""

    def holds_for(self, virtual: VirtualModel, principal: Principal, prices: CatalogView, now_epoch_s: float) -> bool:
        """Returns whether `eligible` would return the same now."""
        return (
            virtual is self.offer.virtual
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
    make_offer: Callable[[VirtualModel, AppliedPolicy, tuple[Candidate, ...], tuple[Candidate, ...]], Offer] = offer_of,
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
    policy = principal.routing.policy
    dearest = [prices.models.get(name) for name in policy.max_price_models]
    ends = [terms.validity.end_epoch_s for terms in found.values() if isinstance(terms, Terms)]
    return Eligible(
        offer=make_offer(
            virtual,
            policy,
            tuple(_candidate(name, terms, principal, prices) for name, terms in found.items()),
            tuple(Candidate(one.name, one, one.schedule_at(day)) for one in dearest if one is not None),
        ),
        principal=principal,
        prices=prices,
        end_epoch_s=min([(now_epoch_s // _DAY_S + 1) * _DAY_S, *ends]),
        refusals={name: terms for name, terms in found.items() if isinstance(terms, Refusal)},
    )


def planned(offer: Offer, use_case: str, needs: frozenset[Capability]) -> Planned:
    """Returns how calls with this use case and these needs are decided. It is found out once."""
    key = (use_case if use_case in offer.use_cases else "", needs)
    known = offer.plans.get(key)
    if known is None:
        plan = plan_of(offer.virtual, offer.policy, offer.candidates, use_case, needs, offer.dearest)
        usual = usual_choice(plan)
        routed_as = {id(one): _routed_as(offer, one, use_case) for one in usual.choices} if usual else {}
        known = offer.plans[key] = Planned(plan, usual, routed_as)
    return known


def choose_among(offer: Offer, asked: Asked) -> Choice | Unroutable:
    """Returns the choice about a call, or what is wrong."""
    return choose(planned(offer, asked.use_case, asked.needs).plan, asked)


def refusal_of(found: Eligible, wrong: Unroutable) -> Refusal:
    """Returns the refusal of a call that no candidate serves: that of the baseline if none may be called at all."""
    if wrong.none_is_offered and found.offer.virtual.baseline in found.refusals:
        return found.refusals[found.offer.virtual.baseline]
    return Refusal(RefusalReason.INVALID_PARAMETER, wrong.message, wrong.parameter)


def use_case_of(tags: Tags, virtual: VirtualModel) -> str:
    """Returns what a call is for."""
    return next((value for name, value in tags if name == USE_CASE_TAG), virtual.name) if tags else virtual.name


def needs_of_call(parameters: Parameters) -> frozenset[Capability]:
    """Returns what the model must be able to do."""
    specials = parameters.specials
    has_tools = parameters.has_tools or bool(specials and specials.asked.tools)
    return needs_of(parameters.size, has_tools=has_tools, thinks=parameters.thinking_tokens > 0)


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
    unhealthy: frozenset[str] = ALL_HEALTHY,
) -> Asked:
    """Returns what the choice depends on."""
    return Asked(
        use_case=use_case_of(tags, virtual),
        needs=needs_of_call(parameters),
        body=Body(endpoint, body_bytes, parameters.size),
        output_limit=parameters.output_limit,
        names_stored=bool(parameters.references),
        override=override,
        conversation=conversation,
        before=before,
        marks_cache=parameters.has_cache_control,
        scores=scores,
        unhealthy=unhealthy,
    )


def unhealthy_of(offer: Offer, avoided: frozenset[str]) -> frozenset[str]:
    """Returns the candidates that no place can serve but those to be avoided."""
    return frozenset(one.name for one in offer.candidates if one.places and avoided.issuperset(one.places))


def can_be_repeated(offer: Offer, choice: Choice) -> bool:
    """Returns whether another model would serve a repetition of a call that the one that serves it fails."""
    is_live = offer.policy.mode is RoutingMode.LIVE and not offer.virtual.is_switched_off
    others = (one for one in choice.judged if one.name != choice.served)
    return is_live and choice.arm is not Arm.OVERRIDDEN and any(one.verdict in CAN_SERVE for one in others)


def routed(parameters: Parameters, offer: Offer, choice: Choice, asked: Asked) -> Parameters:
    """Returns the parameters of the call to the model that serves it."""
    # Members of enumerations are hashed slowly, and never go away.
    key = (
        choice.served, choice.chosen, id(choice.arm), id(choice.reason), choice.is_simple, choice.can_compare,
        asked.use_case,
    )  # fmt: skip
    routed_as = offer.choices.get(key)
    if routed_as is None:
        if len(offer.choices) >= _CHOICES_MAX:
            offer.choices.clear()
        routed_as = offer.choices[key] = _routed_as(offer, choice, asked.use_case)
    conversation, is_elsewhere = asked.conversation, not asked.names_stored and can_be_repeated(offer, choice)
    return parameters.served_by(
        choice.served, routed_as, conversation.session, conversation.turns, is_elsewhere=is_elsewhere
    )


def routed_cheaper(parameters: Parameters, offer: Offer, choice: Choice, asked: Asked) -> tuple[Parameters, ...]:
    """Returns the parameters of the call to each model that serves it once a budget is nearly used up, the dearest first."""
    return tuple(
        routed(
            parameters,
            offer,
            replace(choice, served=name, chosen=name, arm=Arm.ROUTED, reason=Reason.DEGRADED, cheaper=()),
            asked,
        )
        for name in choice.cheaper
    )


def _candidate(name: str, terms: Terms | Refusal, principal: Principal, prices: CatalogView) -> Candidate:
    if isinstance(terms, Refusal):
        return Candidate(name)
    served = prices.models[name].deployed or (terms.model,)
    providers = principal.providers_for(prices.models[name].providers)
    places = (one.place for one in served if one.provider in providers and principal.may_call(one.name, one.provider))
    return Candidate(name, terms.model, terms.schedule, tuple(places))


def _routed_as(offer: Offer, choice: Choice, use_case: str) -> RoutedAs:
    versions = {one.name: one.schedule.version for one in offer.candidates if one.schedule is not None}
    virtual = offer.virtual
    return RoutedAs(
        virtual_model=virtual.name,
        revision=virtual.revision,
        arm=choice.arm,
        reason=choice.reason,
        is_simple=choice.is_simple,
        use_case=use_case,
        baseline=virtual.baseline,
        baseline_price_version=versions.get(virtual.baseline, 0) if choice.can_compare else 0,
        chosen=choice.chosen,
        chosen_price_version=versions[choice.chosen],
        virtual_model_id=virtual.virtual_model_id,
        max_loss_basis_points=offer.policy.max_loss_basis_points,
    )
