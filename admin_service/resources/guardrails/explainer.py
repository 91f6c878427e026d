"""Serves `Guardrails.ExplainAccess`: what the data plane would answer to a call now, without making the call."""

from collections.abc import Callable
from typing import Final

import asyncpg
from megarouter.admin.v1 import guardrail_pb2

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Actor, Permission, Target, may
from admin_service.api.errors import dependency_unavailable
from admin_service.resources.guardrails.explanation_messages import explanation_message
from admin_service.resources.guardrails.explanations import SupposedCall, explain
from admin_service.resources.guardrails.live_counter_reader import LiveCounterReader
from admin_service.resources.guardrails.messages import shows_figures
from admin_service.resources.guardrails.named_principals import named_principal
from admin_service.resources.guardrails.store import names_of
from gateway_core.model.calls.decision import Admission, Parameters, decide
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.organization.scopes import Scope
from gateway_core.stores.postgres.catalog_store import load_snapshot
from gateway_core.stores.postgres.organization_wall import acting_for
from gateway_core.stores.redis.connections import UNAVAILABLE as REDIS_UNAVAILABLE
from gateway_core.stores.redis.pipelined import ScriptClient

_DEFAULT_BODY_BYTES: Final = 1_000
_US_PER_S: Final = 10**6


class AccessExplainer:
    """Explains the outcome of a call. `now` returns microseconds since the epoch."""

    def __init__(self, pool: asyncpg.Pool, redis: ScriptClient, now: Callable[[], int]) -> None:
        self._pool = pool
        self._counters = LiveCounterReader(redis, pool)
        self._now = now
        self._clock = PeriodClock()

    async def explain(
        self, request: guardrail_pb2.ExplainAccessRequest, caller: Caller
    ) -> guardrail_pb2.ExplainAccessResponse:
        """ExplainAccess returns whether a call would pass, and what each guardrail has left."""
        named = await named_principal(self._pool, caller)
        async with self._pool.acquire() as connection:
            snapshot = await load_snapshot(connection)
        prices = snapshot.view
        call, now_epoch_us = _supposed_call(request, prices), self._now()
        principal = named.at(now_epoch_us / _US_PER_S)
        tokens = _tokens(principal, call, prices, now_epoch_us, self._clock)
        try:
            counters = await self._counters.read(principal, tokens, now_epoch_us / _US_PER_S, self._clock)
        except REDIS_UNAVAILABLE as error:
            raise dependency_unavailable("the live counters") from error
        explanation = explain(principal, call, prices, counters, now_epoch_us, self._clock)
        organization = principal.organization
        async with acting_for(self._pool, organization) as connection:
            names = await names_of(connection, organization, (rail.scope for rail in principal.guardrails))
        shows_credit = may(caller.actor, Permission.CREDITS_READ, Target(organization))
        hidden = _hidden_scopes(caller.actor, principal)
        return explanation_message(organization, explanation, names, hidden, shows_credit=shows_credit)


def _hidden_scopes(actor: Actor, principal: Principal) -> frozenset[Scope]:
    """Returns the scopes whose figures the actor may not read."""
    path = principal.group_path
    paths = {group: path[: level + 1] for level, group in enumerate(path)}
    scopes = (rail.scope for rail in principal.guardrails)
    return frozenset(scope for scope in scopes if not shows_figures(actor, scope, paths.get(scope.scope_id, ())))


def _supposed_call(request: guardrail_pb2.ExplainAccessRequest, prices: CatalogView) -> SupposedCall:
    """Returns a call to the first endpoint that the model is offered for."""
    model = prices.models.get(request.model_name)
    endpoint = model.endpoints[0] if model else Endpoint.CHAT_COMPLETIONS
    limit = request.max_output_tokens if request.HasField("max_output_tokens") else None
    parameters = Parameters(request.model_name, streams=False, output_limit=limit, choices=1, asks_for_usage=False)
    return SupposedCall(endpoint, parameters, request.body_bytes or _DEFAULT_BODY_BYTES)


def _tokens(
    principal: Principal, call: SupposedCall, prices: CatalogView, now_epoch_us: int, clock: PeriodClock
) -> int:
    """Returns how many tokens per minute the call would reserve; 0 if it would be refused before that."""
    decision = decide(
        principal, call.endpoint, call.parameters, call.body_bytes, prices,
        now_epoch_us=now_epoch_us, hold_life_ms=0, make_hold_id=lambda: "", clock=clock,
    )  # fmt: skip
    return decision.hold.input_tokens + decision.hold.output_tokens if isinstance(decision, Admission) else 0
