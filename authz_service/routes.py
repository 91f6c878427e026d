"""Chooses the model of a call to a virtual model. Calls to other models do not come here."""

from typing import Final

from authz_service.deployments.standings import KnownStandings
from authz_service.request.call import Call
from authz_service.request.readings import read_scores
from authz_service.sessions import Sessions
from gateway_core.contract.headers import ROUTE
from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, refuse_parameter
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.routed_calls.decision import (
    ALL_HEALTHY,
    Eligible,
    Offer,
    asked_of,
    choose_among,
    eligible,
    needs_of_call,
    offer_of,
    planned,
    refusal_of,
    routed,
    routed_cheaper,
    unhealthy_of,
    use_case_of,
)
from gateway_core.model.routing.choice import Unroutable
from gateway_core.model.routing.conversations import Before, Conversation
from gateway_core.model.routing.judging import Candidate
from gateway_core.model.routing.needs import text_tokens
from gateway_core.model.routing.override_header import Override, Wish
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.virtual_models import NO_SCORES, VirtualModel
from gateway_core.runtime.bounded_memory import BoundedMemory

_ENTRIES: Final = 4_096
_WISHES: Final = {wish.value: wish for wish in Wish}


class Routes:
    """The routes of one process. It remembers which candidates may serve calls of one kind."""

    def __init__(
        self, clock: PeriodClock, session_key: bytes, standings: KnownStandings, entries: int = _ENTRIES
    ) -> None:
        self._clock = clock
        self._standings = standings
        self._sessions = Sessions(session_key)
        self._known: BoundedMemory[tuple[object, ...], Eligible] = BoundedMemory(entries)
        self._offers = _Offers(entries)

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
    ) -> tuple[Parameters, ...] | Refusal:
        """Returns the parameters with the model that serves the call, or the refusal.

        Those with cheaper models follow, which serve once a budget is nearly used up.
        """
        override = read_override(call, prices)
        if isinstance(override, Refusal):
            return override
        key = (secret_hash, endpoint, virtual.name, parameters.streams, parameters.query, parameters.specials)
        found = self._known.get(key)
        if found is None or not found.holds_for(virtual, principal, prices, now_epoch_s):
            fresh = eligible(
                principal, endpoint, parameters, virtual, prices, now_epoch_s, self._clock, self._offers.of
            )
            if isinstance(fresh, Refusal):
                return fresh
            self._known.remember(key, found := fresh)
            self._standings.is_wanted = True
        conversation = self._sessions.conversation_of(call, principal.organization)
        before = self._sessions.before(conversation, virtual.name, now_epoch_s)
        unhealthy = self._unhealthy(found.offer, principal)
        is_usual = override is None and not unhealthy
        if is_usual and (usual := _usual(found.offer, parameters, call, tags, conversation, before)):
            chosen, input_tokens, first = usual
            self._sessions.remember(conversation, virtual.name, chosen, input_tokens, now_epoch_s)
            return (self._tried(found.offer, first),)
        scores = read_scores(call.conversation.encoded_scores) if virtual.scored_losses else NO_SCORES
        asked = asked_of(
            endpoint, parameters, call.body_bytes, virtual, tags, override, conversation, before, scores, unhealthy
        )
        choice = choose_among(found.offer, asked)
        if isinstance(choice, Unroutable):
            return refusal_of(found, choice)
        input_tokens, _ = asked.body.input_tokens(choice.chosen)
        self._sessions.remember(conversation, virtual.name, choice.chosen, input_tokens, now_epoch_s)
        first = self._tried(found.offer, routed(parameters, found.offer, choice, asked))
        return (first, *routed_cheaper(parameters, found.offer, choice, asked)) if choice.cheaper else (first,)

    def _unhealthy(self, offer: Offer, principal: Principal) -> frozenset[str]:
        """Returns the candidates that calls of this caller avoid."""
        shut, failed = self._standings.shut, self._standings.failed(principal.organization, principal.api_key)
        return unhealthy_of(offer, shut | failed) if shut or failed else ALL_HEALTHY

    def _tried(self, offer: Offer, served: Parameters) -> Parameters:
        """Notes that a call goes to a model. Among several deployments, the ladder notes to which."""
        if self._standings.has_trials:
            for one in offer.candidates:
                if one.name == served.model and len(one.places) == 1:
                    self._standings.take_trial(one.places[0])
        return served


def _usual(
    offer: Offer, parameters: Parameters, call: Call, tags: Tags, conversation: Conversation, before: Before | None
) -> tuple[str, int, Parameters] | None:
    """Returns the chosen model, the usual input tokens and the parameters; None if the call takes a comparison."""
    plan = planned(offer, use_case_of(tags, offer.virtual), needs_of_call(parameters))
    size = parameters.size
    if plan.usual is None or parameters.references or (size is not None and size.has_media):
        return None
    tokens = text_tokens(call.body_bytes, size)
    choice = plan.usual.find(tokens, parameters.output_limit, conversation, before)
    if choice is None:
        return None
    return (
        choice.chosen,
        tokens[0],
        parameters.served_by(
            choice.served,
            plan.routed_as[id(choice)],
            conversation.session,
            conversation.turns,
            is_elsewhere=offer.policy.mode is RoutingMode.LIVE,
        ),
    )


class _Offers:
    """Shares offers among callers, so that what decides many calls stays in the caches of the processor."""

    def __init__(self, entries: int) -> None:
        self._known: BoundedMemory[tuple[object, ...], Offer] = BoundedMemory(entries)

    def of(
        self,
        virtual: VirtualModel,
        policy: AppliedPolicy,
        candidates: tuple[Candidate, ...],
        dearest: tuple[Candidate, ...],
    ) -> Offer:
        """Returns the offer of these very objects. An entry keeps them, so no others get their ids."""
        of_models = tuple((id(one.model), id(one.schedule), one.places) for one in (*candidates, *dearest))
        key = (id(virtual), id(policy), of_models)
        known = self._known.get(key)
        if known is None:
            known = offer_of(virtual, policy, candidates, dearest)
            self._known.remember(key, known)
        return known


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
