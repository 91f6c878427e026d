"""Serves `RoutingPolicies.ExplainRouting`: which model would serve a call to a virtual model, without making the call."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

import asyncpg
from megarouter.admin.v1 import routing_policy_pb2
from megarouter.admin.v1.routing_policy_pb2 import ExplainRoutingResponse, RoutingPolicy

from admin_service.access.authorization import Caller
from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.resources.catalog.messages import deployment_message
from admin_service.resources.guardrails.named_principals import named_principal
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.catalog.entries import Deployment
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.deployments.balance import order_of
from gateway_core.model.deployments.health import Health, caller_of
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.routed_calls.decision import (
    USE_CASE_TAG,
    Offer,
    asked_of,
    choose_among,
    eligible,
    refusal_of,
    unhealthy_of,
    virtual_model_of,
)
from gateway_core.model.routing.choice import Choice, Unroutable
from gateway_core.model.routing.judging import Judged
from gateway_core.model.routing.policies import AppliedPolicy
from gateway_core.model.routing.virtual_models import NO_SCORES, Scores, VirtualModel
from gateway_core.stores.postgres.catalog_store import load_snapshot
from gateway_core.stores.redis.connections import UNAVAILABLE
from gateway_core.stores.redis.deployments import DeploymentStandings

logger = logging.getLogger(__name__)

_DEFAULT_BODY_BYTES: Final = 1_000
_US_PER_S: Final = 10**6


class RoutingExplainer:
    """Explains choices. `now` returns microseconds since the epoch."""

    def __init__(self, pool: asyncpg.Pool, standings: DeploymentStandings, now: Callable[[], int]) -> None:
        self._pool = pool
        self._standings = standings
        self._now = now
        self._clock = PeriodClock()

    async def explain(
        self, request: routing_policy_pb2.ExplainRoutingRequest, caller: Caller
    ) -> ExplainRoutingResponse:
        """ExplainRouting returns which model would serve a call, and what the choice found about each candidate."""
        named = await named_principal(self._pool, caller)
        async with self._pool.acquire() as connection:
            snapshot = await load_snapshot(connection)
        prices = snapshot.view
        now_epoch_s = self._now() / _US_PER_S
        principal = named.at(now_epoch_s)
        virtual = virtual_model_of(request.model_name, principal, prices)
        if virtual is None:
            message = f"{request.model_name!r} is no virtual model that this caller reaches; ListVirtualModels has them"
            raise invalid_fields(FieldViolation("model_name", message))
        parameters, body_bytes = _supposed(request), request.body_bytes or _DEFAULT_BODY_BYTES
        endpoint = Endpoint.CHAT_COMPLETIONS
        found = eligible(principal, endpoint, parameters, virtual, prices, now_epoch_s, self._clock)
        policy = principal.routing.policy
        if isinstance(found, Refusal):
            return _response(found, policy)
        tags = ((USE_CASE_TAG, request.use_case),) if request.use_case else ()
        asked = asked_of(endpoint, parameters, body_bytes, virtual, tags, None)
        health = await self._health()
        shut = frozenset(place for place, one in (health or {}).items() if not one.is_closed)
        unhealthy = unhealthy_of(found.offer, shut)
        asked = replace(asked, scores=_scores(request, virtual, asked.use_case), unhealthy=unhealthy)
        choice = choose_among(found.offer, asked)
        outcome = refusal_of(found, choice) if isinstance(choice, Unroutable) else choice
        response = _response(outcome, policy, choice.judged)
        _add_deployments(response, found.offer, prices, principal, health)
        return response

    async def _health(self) -> Mapping[str, Health] | None:
        """Returns what is known of places; None if Redis does not answer. Those that it does not name are healthy."""
        try:
            return (await self._standings.read(0)).health
        except UNAVAILABLE as error:
            logger.info("the health of deployments is not known", extra={"error": type(error).__name__})
            return None


def _add_deployments(
    response: ExplainRoutingResponse,
    offer: Offer,
    prices: CatalogView,
    principal: Principal,
    health: Mapping[str, Health] | None,
) -> None:
    """Adds the places of each candidate, and the one that would serve the call of a key."""
    may_use = {one.name: one.places for one in offer.candidates}
    shut = {place for place, one in (health or {}).items() if not one.is_closed}
    caller, own = caller_of(principal.organization, principal.api_key), [key.provider for key in principal.own_keys]
    for candidate in response.candidates:
        model = prices.models[candidate.model_name]
        places = model.deployments or (Deployment(provider=model.provider, upstream_name=model.upstream_name),)
        for index in order_of(places, caller, shut, (), own):
            if places[index].place in may_use[model.name]:
                candidate.deployments.append(deployment_message(places[index], health))
        if response.passes and model.name == response.served_model and _is_certain(principal, candidate):
            response.served_deployment.CopyFrom(candidate.deployments[0])


def _is_certain(principal: Principal, candidate: ExplainRoutingResponse.Candidate) -> bool:
    """Returns whether the order of deployments is that of the caller: without a key, it is unknown."""
    return len(candidate.deployments) == 1 or bool(principal.api_key and candidate.deployments)


def _scores(request: routing_policy_pb2.ExplainRoutingRequest, virtual: VirtualModel, use_case: str) -> Scores:
    """Returns the scores that the request supposes, as of the weights with which the losses of the use case were measured."""
    measured = chain.from_iterable(virtual.scored_losses.get(use_case, {}).values())
    version = next((one.version for one in measured), None)
    return NO_SCORES if version is None or not request.scores else Scores(version, tuple(request.scores))


def _supposed(request: routing_policy_pb2.ExplainRoutingRequest) -> Parameters:
    body_bytes = request.body_bytes or _DEFAULT_BODY_BYTES
    return Parameters(
        request.model_name,
        streams=False,
        output_limit=request.max_output_tokens if request.HasField("max_output_tokens") else None,
        choices=1,
        asks_for_usage=False,
        size=RequestSize(body_bytes, images=request.images) if request.images else None,
        has_tools=request.has_tools,
    )


def _response(choice: Choice | Refusal, policy: AppliedPolicy, judged: Sequence[Judged] = ()) -> ExplainRoutingResponse:
    response = ExplainRoutingResponse(
        mode=RoutingPolicy.Mode.Value(f"MODE_{policy.mode}"),
        max_loss_basis_points=policy.max_loss_basis_points,
        degrade_at_percent=policy.degrade_at_percent,
    )
    for one in judged:
        response.candidates.add(
            model_name=one.name,
            verdict=one.verdict,
            cost_nano_credits=one.cost_nano_credits,
            loss_basis_points=one.loss_basis_points,
        )
    if isinstance(choice, Refusal):
        response.message = choice.message
        return response
    response.passes = True
    response.served_model, response.chosen_model = choice.served, choice.chosen
    response.arm, response.reason = choice.arm, choice.reason
    response.degraded_models.extend(choice.cheaper)
    return response
