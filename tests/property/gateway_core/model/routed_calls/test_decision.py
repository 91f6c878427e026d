"""Whatever the candidates, the guardrails, the policy and the body: no routed call is served by a model that may not or cannot."""

import datetime as dt
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.model.calls.decision import Parameters, agree
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.capabilities import Capability, Tier, is_below
from gateway_core.model.catalog.entries import VIRTUAL_PROVIDER, Model
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.model_whitelists import parse_whitelist
from gateway_core.model.routed_calls.decision import asked_of, choose_among, eligible, routed, routed_cheaper
from gateway_core.model.routing.caller_routing import CallerRouting
from gateway_core.model.routing.choice import Arm, Reason, Unroutable
from gateway_core.model.routing.judging import Asked
from gateway_core.model.routing.override_header import Override, Wish
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.virtual_models import ScoredLoss, Scores, VirtualModel
from tests.support.data.examples import NOW_EPOCH_US, SCOPES, principal

NOW_EPOCH_S = NOW_EPOCH_US / 10**6
NAMES = ("a", "b", "c", "d")
PROVIDERS = {
    name: Provider.model_validate(
        {
            "name": name,
            "display_name": name,
            "credential_env": "KEY",
            "credential_header": "authorization",
            "stream_options": True,
            "dialects": {"openai": "https://one.example/v1"},
        }
    )
    for name in ("one", "two")
}


def often(usual: st.SearchStrategy[Any], rare: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Most models may and can serve most calls, so that choices are made at all."""
    return st.integers(0, 5).flatmap(lambda drawn: rare if drawn == 0 else usual)


@st.composite
def models(draw: st.DrawFn, name: str) -> Model:
    longest = draw(st.sampled_from([16, 4_000]))
    price = draw(st.integers(0, 10**10))
    return Model.model_validate(
        {
            "name": name,
            "provider": draw(st.sampled_from(sorted(PROVIDERS))),
            "upstream_name": name,
            "endpoints": draw(often(st.just(("chat_completions", "responses")), st.just(("responses",)))),
            "context_window_tokens": draw(st.sampled_from([100, 1_000, 100_000])),
            "max_output_tokens": longest,
            "default_output_reserve_tokens": longest,
            "capabilities": draw(often(st.just(frozenset(Capability)), st.frozensets(st.sampled_from(Capability)))),
            "tier": draw(st.none() | st.sampled_from(Tier)),
            "prices_nano_credits_per_million_tokens": {"input": price, "output": price},
            "effective_date": draw(often(st.just(dt.date(2025, 1, 1)), st.just(dt.date(2099, 1, 1)))),
        }
    )


whitelists = often(st.none(), st.lists(st.sampled_from([*NAMES, "assistant", "provider:one", "one/*"]), max_size=4))
sizes = st.none() | st.builds(
    RequestSize, st.integers(1, 2_000), images=st.integers(0, 1), image_bytes=st.just(0), documents=st.integers(0, 1)
)
policies = st.builds(
    AppliedPolicy,
    mode=st.sampled_from(RoutingMode),
    max_loss_basis_points=st.integers(0, 300),
    floors=st.dictionaries(st.just("assistant"), st.sampled_from(Tier), max_size=1),
    allow_override=st.booleans(),
    max_price_models=st.lists(st.sampled_from(NAMES), max_size=1).map(tuple),
    degrade_at_percent=st.none() | st.integers(1, 99),
)
scored_losses = st.builds(
    ScoredLoss, st.integers(-100, 300), number=st.integers(1, 2), version=st.just(1), at_most=st.integers(-5, 5)
)
NEVER = 10_000
overrides = (
    st.none()
    | st.builds(Override, st.sampled_from([Wish.BEST, Wish.CHEAPEST]))
    | st.builds(Override, st.just(Wish.MODEL), st.sampled_from(NAMES))
)


def check_served(call: Parameters, served: Model, who: Principal, asked: Asked, prices: CatalogView) -> None:
    """The caller may call the model, it can do what the body needs, its window is large enough, and its price is recorded."""
    routed_as = call.routed
    assert routed_as is not None
    assert who.may_call("assistant", VIRTUAL_PROVIDER)
    assert who.may_call(served.name, served.provider)
    assert asked.body.endpoint in served.endpoints
    assert asked.needs <= served.capabilities
    usual, most = asked.body.input_tokens(served.upstream_name)
    needed = usual if served.name == routed_as.baseline else most
    assert needed + min(call.output_limit or 0, served.max_output_tokens) <= served.context_window_tokens
    terms = agree(who, asked.body.endpoint, call, prices, NOW_EPOCH_S, PeriodClock())
    assert not isinstance(terms, Refusal)
    assert (terms.claims.requested_model, terms.claims.price_version) == (served.name, terms.schedule.version)
    assert terms.route.rewrite_model


@settings(max_examples=300)
@given(st.data())
def test_a_routed_call_is_served_only_by_a_model_that_may_and_can(data: st.DataObject) -> None:
    catalog = {name: data.draw(models(name)) for name in NAMES}
    prices = CatalogView(catalog, PROVIDERS)
    candidates = tuple(data.draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)))
    losses = data.draw(st.dictionaries(st.sampled_from(NAMES), st.integers(-100, 300)))
    scored = data.draw(st.dictionaries(st.sampled_from(NAMES), st.lists(scored_losses, max_size=2).map(tuple)))
    scores = Scores(data.draw(st.sampled_from([1, 2])), (data.draw(st.integers(-5, 5)),))
    virtual = VirtualModel(
        "vm", "assistant", None, candidates, candidates[0], 1,
        losses={"assistant": losses}, scored_losses={"assistant": scored},
    )  # fmt: skip
    rails: dict[Any, Guardrail] = {}
    for scope in SCOPES[:2]:
        listed = data.draw(whitelists)
        rails[scope] = Guardrail(scope, model_whitelist=None if listed is None else parse_whitelist(listed))
    who = replace(principal(rails), routing=CallerRouting({"assistant": virtual}, data.draw(policies)))
    parameters = Parameters(
        "assistant",
        streams=False,
        output_limit=data.draw(st.none() | st.integers(1, 5_000)),
        choices=1,
        asks_for_usage=False,
        thinking_tokens=data.draw(st.sampled_from([0, 10])),
        size=data.draw(sizes),
        has_tools=data.draw(st.booleans()),
    )
    body_bytes = parameters.size.body_bytes if parameters.size else data.draw(st.integers(1, 2_000))
    endpoint = data.draw(st.sampled_from([Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES]))
    clock = PeriodClock()

    found = eligible(who, endpoint, parameters, virtual, prices, NOW_EPOCH_S, clock)
    if isinstance(found, Refusal):
        assert not who.may_call("assistant", VIRTUAL_PROVIDER)
        return
    asked = asked_of(endpoint, parameters, body_bytes, virtual, (), data.draw(overrides), scores=scores)
    choice = choose_among(found.offer, asked)
    if isinstance(choice, Unroutable):
        return

    calls = (routed(parameters, found.offer, choice, asked), *routed_cheaper(parameters, found.offer, choice, asked))
    assert [call.model for call in calls] == [choice.served, *choice.cheaper]
    assert {call.model for call in calls} <= set(candidates)
    for call in calls:
        check_served(call, catalog[call.model], who, asked, prices)

    policy = who.routing.policy
    served = catalog[choice.served]
    if choice.cheaper:
        assert policy.degrade_at_percent is not None
        assert (policy.mode, asked.override) == (RoutingMode.LIVE, None)
        if "assistant" in policy.floors:
            allowed = [catalog[name] for name in choice.cheaper if name != virtual.baseline]
            assert not any(is_below(one.tier, policy.floors["assistant"]) for one in allowed)
    if choice.served != virtual.baseline and choice.arm is Arm.ROUTED and choice.reason is not Reason.BASELINE_UNFIT:
        assert policy.mode is RoutingMode.LIVE
        whole = losses.get(choice.served, NEVER)
        parts = [one.loss_basis_points for one in scored.get(choice.served, ()) if one.covers(scores)]
        assert min([whole, *parts]) <= policy.max_loss_basis_points
        assert not ("assistant" in policy.floors and is_below(served.tier, policy.floors["assistant"]))
    if choice.arm is Arm.OVERRIDDEN:
        assert policy.allow_override
    if policy.mode is not RoutingMode.LIVE and choice.arm in {Arm.BASELINE, Arm.SHADOW}:
        assert choice.served == virtual.baseline
