"""Which model the routes of one process find for calls of several callers, and what these callers share."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from authz_service.deployments.standings import KnownStandings
from authz_service.request.call import Call, ConversationFacts
from authz_service.routes import Routes
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.deployments.health import Health
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.model_whitelists import parse_whitelist
from gateway_core.model.routing.caller_routing import CallerRouting
from gateway_core.model.routing.choice import Arm, Reason
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.virtual_models import VirtualModel
from gateway_core.stores.redis.deployments import Standings
from tests.support.data.examples import NOW_EPOCH_US, PRICES, SCOPES, call, parameters, principal

NOW_EPOCH_S = NOW_EPOCH_US / 10**6
VIRTUAL = VirtualModel("vm", "assistant", SCOPES[-1], ("top", "plain"), "top", 1, losses={"assistant": {"plain": 50}})
POLICY = AppliedPolicy(mode=RoutingMode.LIVE, holdout_percent=0)
ROUTING = CallerRouting({"assistant": VIRTUAL}, POLICY)
HEALTHY: Mapping[str, Any] = {}
DEAR = PRICES.models["plain"].schedules[0]
TOP = PRICES.models["plain"].model_copy(
    update={
        "name": "top",
        "upstream_name": "top",
        "provider": "strict",
        "schedules": (DEAR.model_copy(update={"prices": DEAR.prices.model_copy(update={"output": 9 * 10**9})}),),
    }
)
CATALOG = CatalogView({**PRICES.models, "top": TOP}, PRICES.providers)


@pytest.fixture
def routes() -> Routes:
    return Routes(PeriodClock(), b"key", standings())


def standings(health: Mapping[str, Health] = HEALTHY, failed: Mapping[str, frozenset[str]] = HEALTHY) -> KnownStandings:
    """Returns what one process knows, once it has read it."""

    class Store:
        async def read(self, _now_ms: int) -> Standings:
            return Standings(health, failed)

        async def claim_trial(self, _place: str) -> bool:
            return True

    known = KnownStandings(Store(), lambda: True, lambda: 1_000)  # type: ignore[arg-type]
    asyncio.run(known.reread())
    return known


def route(routes: Routes, who: Principal, of: Call, secret_hash: bytes = b"1") -> Parameters:
    found = routes.route(
        of, secret_hash, who, Endpoint.CHAT_COMPLETIONS, parameters("assistant"), VIRTUAL, CATALOG, (), NOW_EPOCH_S
    )
    assert isinstance(found, tuple)
    return found[0]


def test_the_cheaper_model_serves_and_keeps_what_is_unfinished(routes: Routes) -> None:
    who = principal(routing=ROUTING)
    begun = replace(call(), conversation=ConversationFacts("ab" * 16))
    first = route(routes, who, begun)
    assert first.routed is not None
    assert (first.model, first.routed.arm, first.routed.reason) == ("plain", Arm.ROUTED, Reason.CHEAPEST)
    assert first.session
    again = route(routes, who, replace(call(), conversation=ConversationFacts("ab" * 16, in_tool_loop=True)))
    assert again.routed is not None
    assert (again.model, again.routed.reason) == ("plain", Reason.KEPT)


def test_a_call_that_fits_only_the_baseline_goes_there(routes: Routes) -> None:
    assert route(routes, principal(routing=ROUTING), call(body_bytes=1_001)).model == "top"


def test_callers_with_the_same_models_and_policies_share_what_decides_their_calls(routes: Routes) -> None:
    one, other = (
        route(routes, principal(routing=ROUTING, api_key=key), call(), key.encode()).routed
        for key in ("key-1", "key-2")
    )
    assert one is other


@pytest.mark.parametrize(
    ("shut", "served", "reason"),
    [
        (("acme/plain",), "top", Reason.NOT_MEASURED),
        (("strict/top",), "plain", Reason.CHEAPEST),
        (("acme/plain", "strict/top"), "plain", Reason.CHEAPEST),
    ],
    ids=["the chosen one", "the baseline", "both"],
)
def test_a_model_that_fails_is_not_chosen_while_another_works(shut: Sequence[str], served: str, reason: Reason) -> None:
    routes = Routes(PeriodClock(), b"key", standings(dict.fromkeys(shut, Health(9_000, 1))))
    found = route(routes, principal(routing=ROUTING), call())
    assert found.routed is not None
    assert (found.model, found.routed.reason) == (served, reason)
    assert found.is_elsewhere is (len(shut) != 1), "a repetition has nowhere else to go"


def test_a_model_that_failed_a_call_a_moment_ago_does_not_get_its_repetition() -> None:
    routes = Routes(PeriodClock(), b"key", standings(failed={"acme/key-1": frozenset({"acme/plain"})}))
    assert route(routes, principal(routing=ROUTING), call()).model == "top"
    assert route(routes, principal(routing=ROUTING, api_key="key-2"), call(), b"2").model == "plain"


def test_a_single_call_tries_a_model_whose_pause_is_over() -> None:
    routes = Routes(PeriodClock(), b"key", standings({"acme/plain": Health(500, 1)}))
    assert [route(routes, principal(routing=ROUTING), call()).model for _ in range(3)] == ["plain", "top", "top"]


def test_a_whitelist_of_one_caller_does_not_bind_another(routes: Routes) -> None:
    rails = {SCOPES[0]: Guardrail(SCOPES[0], model_whitelist=parse_whitelist(["provider:virtual", "top"]))}
    assert route(routes, principal(routing=ROUTING), call(), b"1").model == "plain"
    assert route(routes, principal(rails, routing=ROUTING), call(), b"2").model == "top"
