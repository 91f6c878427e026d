"""A conversation: what is unfinished stays with its model, a switch is priced by what is cached, and some sessions are held out."""

from dataclasses import fields, replace
from typing import Any

import pytest

from gateway_core.model.calls.decision import Parameters
from gateway_core.model.capabilities import Capability, Tier
from gateway_core.model.routing.choice import Arm, Choice, Reason
from gateway_core.model.routing.conversations import Before, Conversation, keyed_session, session_hash
from gateway_core.model.routing.judging import Candidate
from gateway_core.model.routing.policies import AppliedPolicy, RoutingMode
from gateway_core.model.routing.routed_as import RoutedAs
from gateway_core.model.routing.virtual_models import VirtualModel
from tests.unit.gateway_core.model.routing.test_choice import ALL, LIVE, TOP, VIRTUAL, asked, candidate, chosen, decided

IN_LOOP = Conversation(in_tool_loop=True)
THINKING = Conversation(has_signed_thinking=True)
HELD_OUT = Conversation(session=f"{LIVE.holdout_percent - 1:016x}")
NOT_HELD_OUT = Conversation(session=f"{LIVE.holdout_percent:016x}")


@pytest.mark.parametrize("conversation", [IN_LOOP, THINKING])
def test_what_is_unfinished_stays_with_its_model_although_another_is_cheaper(conversation: Conversation) -> None:
    before = Before("middle")
    found = chosen(call=asked(conversation=conversation, before=before))
    assert (found.served, found.reason) == ("middle", Reason.KEPT)
    assert chosen(call=asked(before=before)).served == "light", "a conversation is not pinned forever"


def test_an_unfinished_conversation_may_always_go_to_a_better_model() -> None:
    strict = AppliedPolicy(mode=RoutingMode.LIVE, max_loss_basis_points=0)
    for policy, call in (
        (strict, asked("summaries", conversation=IN_LOOP, before=Before("light"))),
        (LIVE, asked("poems", conversation=IN_LOOP, before=Before("light"))),
        (LIVE, asked(conversation=IN_LOOP, before=Before("light"), needs=frozenset({Capability.VISION}))),
    ):
        assert chosen(policy, call).served in {"top", "middle"}


def test_the_baseline_serves_an_unfinished_conversation_that_it_began() -> None:
    found = chosen(call=asked(conversation=IN_LOOP, before=Before("top")))
    assert (found.served, found.arm, found.reason) == ("top", Arm.BASELINE, Reason.KEPT)


def test_a_use_case_that_went_back_is_served_by_the_baseline_also_in_the_middle_of_a_conversation() -> None:
    back = replace(VIRTUAL, returned=frozenset({"summaries"}))
    for call in (asked("summaries"), asked("summaries", conversation=IN_LOOP, before=Before("light"))):
        found = decided(back, LIVE, ALL, call)
        assert isinstance(found, Choice)
        assert (found.served, found.arm, found.reason) == ("top", Arm.BASELINE, Reason.RETURNED)
    for others in (VIRTUAL, replace(VIRTUAL, returned=frozenset({"contracts"}))):
        served = decided(others, LIVE, ALL, asked("summaries"))
        assert isinstance(served, Choice)
        assert served.served == "light"


def test_the_best_model_serves_a_use_case_that_went_back_while_the_baseline_fails() -> None:
    back = replace(VIRTUAL, returned=frozenset({"summaries"}))
    found = decided(back, LIVE, ALL, asked("summaries", unhealthy=frozenset({"top"})))
    assert isinstance(found, Choice)
    assert (found.served, found.reason) == ("middle", Reason.BASELINE_UNHEALTHY)


def test_a_tool_that_keeps_failing_brings_the_baseline() -> None:
    def served(repeated: int) -> str:
        stuck = Conversation(in_tool_loop=True, repeated_results=repeated)
        return chosen(call=asked(conversation=stuck, before=Before("light"))).served

    assert [served(repeated) for repeated in range(4)] == ["light", "light", "top", "top"]


OPUS = candidate(
    "opus",
    5_000_000,
    Tier.TOP,
    prices_nano_credits_per_million_tokens={
        "input": 5_000_000,
        "cache_read": 500_000,
        "cache_write_5m": 6_250_000,
        "output": 25_000_000,
    },
    context_window_tokens=1_000_000,
)
SONNET = candidate(
    "sonnet",
    1,
    Tier.STANDARD,
    prices_nano_credits_per_million_tokens={
        "input": 3_000_000,
        "cache_read": 300_000,
        "cache_write_5m": 3_750_000,
        "output": 15_000_000,
    },
    context_window_tokens=1_000_000,
)
HAIKU = candidate(
    "haiku",
    1,
    Tier.LIGHT,
    prices_nano_credits_per_million_tokens={
        "input": 100_000,
        "cache_read": 10_000,
        "cache_write_5m": 125_000,
        "output": 500_000,
    },
    context_window_tokens=1_000_000,
)
NO_LOSSES = {"summaries": {"sonnet": 0, "haiku": 0}}
CACHING = VirtualModel("vm", "assistant", None, ("opus", "sonnet", "haiku"), "opus", losses=NO_LOSSES)


def with_cache(candidates: tuple[Candidate, ...], **fields: Any) -> Choice:
    found = decided(CACHING, LIVE, candidates, asked(body_bytes=160_000, output_limit=100, **fields))
    assert isinstance(found, Choice)
    return found


def test_a_switch_that_loses_a_warm_cache_is_priced() -> None:
    """40,000 tokens are cached with the dear model. The next cheaper one would have to read them fresh."""
    warm = Before("opus", warm_tokens=40_000)
    assert with_cache((OPUS, SONNET)).served == "sonnet"
    kept = with_cache((OPUS, SONNET), before=warm)
    assert (kept.served, kept.reason) == ("opus", Reason.NONE_CHEAPER)
    costs = {one.name: one.cost_nano_credits or 0 for one in kept.judged}
    assert costs["sonnet"] > 4 * costs["opus"]
    assert with_cache((OPUS, SONNET, HAIKU), before=warm).served == "haiku", "a model that is cheaper all the same"


def test_a_cache_that_has_cooled_keeps_no_one() -> None:
    assert with_cache((OPUS, SONNET), before=Before("opus")).served == "sonnet"


def test_filling_a_cache_counts_where_the_body_marks_it() -> None:
    costs = [
        {one.name: one.cost_nano_credits for one in with_cache((OPUS, SONNET), marks_cache=marks).judged}["sonnet"]
        for marks in (False, True)
    ]
    assert costs == [40_000 * 3 + 100 * 15, 40_000 * 3.75 + 100 * 15]


def test_a_share_of_the_sessions_is_served_by_the_baseline_for_comparison() -> None:
    found = chosen(call=asked(conversation=HELD_OUT))
    assert (found.served, found.chosen, found.arm) == ("top", "light", Arm.HOLDOUT)
    for conversation in (NOT_HELD_OUT, Conversation()):
        assert chosen(call=asked(conversation=conversation)).arm is Arm.ROUTED
    keyed = session_hash(b"key")
    sessions = [Conversation(keyed_session(f"{number:032x}", "org", keyed)) for number in range(20_000)]
    share = sum(one.is_held_out(5) for one in sessions) / len(sessions)
    assert abs(100 * share - 5) < 0.5


def test_a_policy_can_hold_out_nothing() -> None:
    none = AppliedPolicy(mode=RoutingMode.LIVE, holdout_percent=0)
    assert chosen(none, asked(conversation=HELD_OUT)).arm is Arm.ROUTED


def test_nothing_is_held_out_where_the_baseline_serves_anyway() -> None:
    assert chosen(call=asked("poems", conversation=HELD_OUT)).arm is Arm.BASELINE
    shadow = AppliedPolicy(mode=RoutingMode.SHADOW)
    assert chosen(shadow, asked(conversation=HELD_OUT)).arm is Arm.SHADOW


def test_sessions_of_organizations_and_keys_have_nothing_in_common() -> None:
    text = "ab" * 16
    hashes = [session_hash(key) for key in (b"1", b"2")]
    names = {keyed_session(text, organization, keyed) for organization in ("a", "b") for keyed in hashes}
    assert len(names) == 4
    assert keyed_session(text, "a", session_hash(b"1")) == keyed_session(text, "a", hashes[0])


def test_the_last_word_after_a_hard_plan_is_judged_as_the_plan_was() -> None:
    """The use case decides, and not how simple the last text looks."""
    plan, word = (chosen(call=asked("contracts", body_bytes=size)) for size in (9_000, 4))
    assert plan.served == word.served == TOP.name


def test_the_call_to_the_model_that_serves_keeps_everything_else_of_the_call() -> None:
    every = {field.name: object() for field in fields(Parameters)}
    original = Parameters(**every)  # type: ignore[arg-type] # any values will do
    served = original.served_by("light", ROUTED, "ab", 3, is_elsewhere=True)
    assert served == replace(original, model="light", routed=ROUTED, session="ab", turns=3, is_elsewhere=True)


ROUTED = RoutedAs("assistant", 1, Arm.ROUTED, Reason.CHEAPEST, True, "summaries", "top", 1, "light", 1)  # noqa: FBT003
