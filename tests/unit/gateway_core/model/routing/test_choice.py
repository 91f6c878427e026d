"""Which candidate serves a call, and what the choice says about the others."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.capabilities import Capability, Tier
from gateway_core.model.catalog.entries import Model
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.routing.choice import Arm, Choice, Reason, Unroutable, choose
from gateway_core.model.routing.encoded_routing import losses_of
from gateway_core.model.routing.judging import Asked, Candidate, Verdict, plan_of
from gateway_core.model.routing.needs import Body
from gateway_core.model.routing.override_header import Override, Wish
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.virtual_models import NO_SCORES, Scores, VirtualModel

LIVE = AppliedPolicy(mode=RoutingMode.LIVE)
LOSSES = {"summaries": {"light": 50, "middle": 0}}
VIRTUAL = VirtualModel("vm", "assistant", None, ("top", "middle", "light"), "top", 1, losses=LOSSES)


def candidate(name: str, price: int, tier: Tier, **fields: Any) -> Candidate:
    model = Model.model_validate(
        {
            "name": name,
            "provider": "acme",
            "upstream_name": name,
            "endpoints": ["chat_completions"],
            "context_window_tokens": 10_000,
            "max_output_tokens": 1_000,
            "default_output_reserve_tokens": 1_000,
            "tier": tier,
            "prices_nano_credits_per_million_tokens": {"input": price, "output": price},
            "effective_date": dt.date(2025, 1, 1),
            **fields,
        }
    )
    return Candidate(name, model, model.schedules[0])


TOP = candidate("top", 3_000_000, Tier.TOP, capabilities=[Capability.VISION])
MIDDLE = candidate("middle", 2_000_000, Tier.STANDARD)
LIGHT = candidate("light", 1_000_000, Tier.LIGHT)
ALL = (TOP, MIDDLE, LIGHT)


def asked(use_case: str = "summaries", body_bytes: int = 400, **fields: Any) -> Asked:
    values = {"needs": frozenset(), "output_limit": None, **fields}
    return Asked(use_case, body=Body(Endpoint.CHAT_COMPLETIONS, body_bytes), **values)


def decided(
    virtual: VirtualModel,
    policy: AppliedPolicy,
    candidates: Sequence[Candidate],
    call: Asked,
    dearest: Sequence[Candidate] = (),
) -> Choice | Unroutable:
    return choose(plan_of(virtual, policy, candidates, call.use_case, call.needs, dearest), call)


def chosen(
    policy: AppliedPolicy = LIVE, call: Asked | None = None, candidates: Sequence[Candidate] = ALL, **fields: Any
) -> Choice:
    found = decided(VIRTUAL, policy, candidates, call or asked(), **fields)
    assert isinstance(found, Choice)
    return found


def verdicts(found: Choice) -> dict[str, Verdict]:
    return {one.name: one.verdict for one in found.judged}


def test_the_cheapest_that_is_good_enough_serves() -> None:
    found = chosen()
    assert (found.served, found.arm, found.reason, found.is_simple) == ("light", Arm.ROUTED, Reason.CHEAPEST, True)
    assert [one.cost_nano_credits for one in found.judged] == [1_800, 1_200, 600]


def test_a_loss_exactly_at_the_limit_is_allowed_and_one_above_it_is_not() -> None:
    assert chosen(AppliedPolicy(mode=RoutingMode.LIVE, max_loss_basis_points=50)).served == "light"
    found = chosen(AppliedPolicy(mode=RoutingMode.LIVE, max_loss_basis_points=49))
    assert (found.served, verdicts(found)["light"]) == ("middle", Verdict.LOSS_TOO_HIGH)


def test_an_unknown_use_case_goes_to_the_baseline() -> None:
    found = chosen(call=asked("poems"))
    assert (found.served, found.arm, found.reason) == ("top", Arm.BASELINE, Reason.NOT_MEASURED)
    assert (found.is_simple, verdicts(found)["light"]) == (False, Verdict.LOSS_UNKNOWN)


def test_in_shadow_mode_the_baseline_serves_and_the_choice_is_kept() -> None:
    found = chosen(AppliedPolicy(mode=RoutingMode.SHADOW))
    assert (found.served, found.chosen, found.arm) == ("top", "light", Arm.SHADOW)


def test_a_floor_keeps_lower_tiers_out() -> None:
    found = chosen(AppliedPolicy(mode=RoutingMode.LIVE, floors={"summaries": Tier.STANDARD}))
    assert (found.served, verdicts(found)["light"]) == ("middle", Verdict.BELOW_FLOOR)


def test_what_the_body_needs_decides_before_the_price() -> None:
    found = chosen(call=asked(needs=frozenset({Capability.VISION})))
    assert (found.served, found.reason) == ("top", Reason.NOT_MEASURED)
    assert verdicts(found)["light"] is Verdict.LACKS_CAPABILITY


def test_a_body_that_fills_the_window_but_for_the_answer_does_not_fit() -> None:
    small = candidate("light", 1, Tier.LIGHT, context_window_tokens=1_000)
    fits = chosen(call=asked(body_bytes=900, output_limit=100), candidates=(TOP, small))
    assert fits.served == "light"
    found = chosen(call=asked(body_bytes=901, output_limit=100), candidates=(TOP, small))
    assert (found.served, verdicts(found)["light"]) == ("top", Verdict.WINDOW_TOO_SMALL)


def test_the_baseline_serves_a_body_that_fits_as_a_rule() -> None:
    """As it would without routing."""
    found = chosen(call=asked(body_bytes=40_000))
    assert (found.served, verdicts(found)["light"]) == ("top", Verdict.WINDOW_TOO_SMALL)


def test_a_baseline_that_cannot_serve_is_replaced_by_the_best_that_can() -> None:
    found = chosen(call=asked("poems"), candidates=(Candidate("top"), LIGHT, MIDDLE))
    assert (found.served, found.arm, found.reason) == ("middle", Arm.ROUTED, Reason.BASELINE_UNFIT)


def test_nothing_dearer_than_the_policy_allows_serves_not_even_the_baseline() -> None:
    found = chosen(call=asked("poems"), dearest=[MIDDLE])
    assert (found.served, verdicts(found)["top"]) == ("middle", Verdict.TOO_DEAR)


@pytest.mark.parametrize(
    ("unhealthy", "served", "reason"),
    [
        ({"light"}, "middle", Reason.CHEAPEST),
        ({"light", "middle"}, "top", Reason.NOT_MEASURED),
        ({"top"}, "light", Reason.CHEAPEST),
        ({"top", "middle", "light"}, "light", Reason.CHEAPEST),
    ],
)
def test_a_candidate_that_fails_is_not_chosen_while_another_works(
    unhealthy: set[str], served: str, reason: Reason
) -> None:
    found = chosen(call=asked(unhealthy=frozenset(unhealthy)))
    assert (found.served, found.reason) == (served, reason)
    assert found.can_compare


def test_a_baseline_that_fails_is_replaced_by_the_cheapest_good_candidate_or_else_the_best() -> None:
    found = chosen(call=asked("poems", unhealthy=frozenset({"top"})))
    assert (found.served, found.arm, found.reason) == ("middle", Arm.ROUTED, Reason.BASELINE_UNHEALTHY)
    assert verdicts(found)["top"] is Verdict.UNHEALTHY
    dear = candidate("light", 4_000_000, Tier.LIGHT)
    found = chosen(call=asked(unhealthy=frozenset({"top"})), candidates=(TOP, dear))
    assert (found.served, found.reason, found.is_simple) == ("light", Reason.BASELINE_UNHEALTHY, False)


@pytest.mark.parametrize("mode", [RoutingMode.SHADOW, RoutingMode.OFF])
def test_a_baseline_that_fails_serves_where_nothing_is_routed(mode: RoutingMode) -> None:
    assert chosen(AppliedPolicy(mode=mode), asked(unhealthy=frozenset({"top"}))).served == "top"


def test_what_a_provider_has_stored_stays_there_even_if_it_fails() -> None:
    found = chosen(call=asked(names_stored=True, unhealthy=frozenset({"top"})))
    assert (found.served, found.reason) == ("top", Reason.CONTINUED)


@pytest.mark.parametrize(
    ("override", "served"),
    [(Override(Wish.BEST), "middle"), (Override(Wish.CHEAPEST), "light"), (Override(Wish.MODEL, "top"), "top")],
)
def test_who_asks_for_a_model_by_its_name_gets_it_even_if_it_fails(override: Override, served: str) -> None:
    assert chosen(call=asked("poems", override=override, unhealthy=frozenset({"top"}))).served == served


def test_what_a_provider_has_stored_stays_with_the_baseline() -> None:
    assert chosen(call=asked(names_stored=True)).reason is Reason.CONTINUED


@pytest.mark.parametrize(
    ("override", "served"),
    [(Override(Wish.BEST), "top"), (Override(Wish.CHEAPEST), "light"), (Override(Wish.MODEL, "middle"), "middle")],
)
def test_a_caller_may_choose_among_those_that_can_serve(override: Override, served: str) -> None:
    found = chosen(call=asked("poems", override=override))
    assert (found.served, found.arm) == (served, Arm.OVERRIDDEN)


def test_a_caller_cannot_choose_what_cannot_serve() -> None:
    call = asked(override=Override(Wish.MODEL, "light"), needs=frozenset({Capability.VISION}))
    found = decided(VIRTUAL, LIVE, ALL, call)
    assert isinstance(found, Unroutable)
    assert (found.parameter, found.message) == (
        "x-route",
        "The model 'light' cannot serve this call. Ask for one of these: top.",
    )


def test_a_refusal_says_what_is_wrong_with_each_candidate() -> None:
    found = decided(VIRTUAL, LIVE, (TOP, Candidate("middle"), LIGHT), asked(body_bytes=40_001))
    assert isinstance(found, Unroutable)
    assert found.message == (
        "No model of 'assistant' can serve this call (top: its context window is too small; middle: not for this call;"
        " light: its context window is too small)."
    )


def test_every_tier_is_reached_by_some_call() -> None:
    """Each candidate serves where it is the cheapest that is good enough."""
    losses = {"summaries": {"light": 0, "middle": 0}, "contracts": {"light": 900, "middle": 50}}
    virtual = VirtualModel("vm", "assistant", None, ("top", "middle", "light"), "top", 1, losses=losses)
    served = set()
    for use_case in ("summaries", "contracts", "proofs"):
        found = decided(virtual, LIVE, ALL, asked(use_case))
        assert isinstance(found, Choice)
        served.add(found.served)
    assert served == {"top", "middle", "light"}


PLAIN_LOSSES, SCORED_LOSSES = losses_of(
    [("proofs", "light", 900), ("proofs", "light", 100, 2, 77, -5), ("proofs", "light", 30, 2, 77, -20)]
)
DEGRADING = AppliedPolicy(mode=RoutingMode.LIVE, degrade_at_percent=80)


@pytest.mark.parametrize(
    ("policy", "call", "cheaper"),
    [
        (DEGRADING, asked("poems"), ("middle", "light")),
        (replace(DEGRADING, max_loss_basis_points=10), asked(), ("light",)),
        (DEGRADING, asked(), ()),
        (LIVE, asked("poems"), ()),
        (replace(DEGRADING, mode=RoutingMode.SHADOW), asked("poems"), ()),
        (replace(DEGRADING, floors={"poems": Tier.STANDARD}), asked("poems"), ("middle",)),
        (DEGRADING, asked("poems", names_stored=True), ()),
    ],
)
def test_a_nearly_used_up_budget_brings_the_next_cheaper_and_then_the_cheapest_model(
    policy: AppliedPolicy, call: Asked, cheaper: tuple[str, ...]
) -> None:
    assert chosen(policy, call).cheaper == cheaper


SCORED = replace(VIRTUAL, losses=PLAIN_LOSSES, scored_losses=SCORED_LOSSES)


@pytest.mark.parametrize(
    ("scores", "allowed", "verdict", "loss"),
    [
        (Scores(77, (99, -5)), 100, Verdict.FITS, 100),
        (Scores(77, (99, -20)), 100, Verdict.FITS, 30),
        (Scores(77, (99, -4)), 100, Verdict.SCORE_TOO_HIGH, 900),
        (Scores(77, (99, -5)), 99, Verdict.SCORE_TOO_HIGH, 900),
        (Scores(77, (99, -20)), 29, Verdict.LOSS_TOO_HIGH, 900),
        (Scores(78, (99, -20)), 100, Verdict.SCORE_TOO_HIGH, 900),  # other weights
        (Scores(77, (-99,)), 100, Verdict.SCORE_TOO_HIGH, 900),
        (NO_SCORES, 100, Verdict.SCORE_TOO_HIGH, 900),
        (NO_SCORES, 900, Verdict.FITS, 900),
    ],
)
def test_a_score_refines_the_loss_of_a_use_case_for_which_it_was_measured(
    scores: Scores, allowed: int, verdict: Verdict, loss: int
) -> None:
    policy = AppliedPolicy(mode=RoutingMode.LIVE, max_loss_basis_points=allowed)
    found = decided(SCORED, policy, ALL, asked("proofs", scores=scores))
    assert isinstance(found, Choice)
    light = found.judged[-1]
    assert (light.verdict, light.loss_basis_points) == (verdict, loss)
    assert found.served == ("light" if verdict is Verdict.FITS else "top")
    poems = decided(SCORED, policy, ALL, asked("poems", scores=scores))
    assert isinstance(poems, Choice)
    assert poems.served == "top", "the score of a use case that was not measured says nothing"
