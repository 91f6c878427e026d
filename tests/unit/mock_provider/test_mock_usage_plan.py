"""The number of tokens that the mock provider lets a call use."""

from mock_provider.controls import Controls
from mock_provider.usage_plan import Demand, Features, UsagePlan, plan_usage, text_bytes_of
from mock_provider.words import pieces_of, text_of

ALL = Features(cache_write=True, cache_write_1h=True, cache_write_by_default=True, tool_use=True)


def demand(fingerprint: int = 0, **others: object) -> Demand:
    values: dict[str, object] = {
        "model": "gpt-5",
        "text_bytes": 400,
        "fingerprint": fingerprint.to_bytes(1) * 16,
        "output_limit": None,
        "choices": 1,
        "generated": 1,
        "has_tools": True,
    }
    return Demand(**(values | others))  # type: ignore[arg-type]


def plans(**others: object) -> list[UsagePlan]:
    return [plan_usage(demand(number, **others), Controls(), ALL) for number in range(256)]


def test_every_kind_of_token_occurs_and_input_follows_the_text_by_default() -> None:
    assert {plan.input_total for plan in plans()} == {103}
    for kind in ("cache_read", "cache_write_5m", "cache_write_1h", "tool_use", "reasoning"):
        amounts = {getattr(plan, kind) for plan in plans()}
        assert len(amounts) > 1


def test_usage_never_exceeds_the_limit_for_any_choice() -> None:
    for limit in (1, 2, 7, 50):
        assert all(plan.output_total <= 3 * limit for plan in plans(output_limit=limit, choices=3, generated=3))


def test_controls_are_exact() -> None:
    controls = Controls(
        input_tokens=90,
        cached_tokens=20,
        cache_write_tokens=30,
        cache_write_1h_tokens=15,
        tool_use_tokens=4,
        output_tokens=70,
        reasoning_tokens=25,
    )
    assert plan_usage(demand(output_limit=1), controls, ALL) == UsagePlan(25, 20, 30, 15, 4, 45, 25)


def test_cache_tokens_beyond_the_input_raise_the_input() -> None:
    plan = plan_usage(demand(), Controls(input_tokens=1, cached_tokens=20), Features())
    assert (plan.input_total, plan.input_uncached) == (20, 0)


def test_an_endpoint_without_a_kind_of_token_never_has_it() -> None:
    plan = plan_usage(
        demand(3),
        Controls(cached_tokens=5, tool_use_tokens=5, reasoning_tokens=5),
        Features(cache_read=False, reasoning=False, output=False),
    )
    assert plan == UsagePlan(input_uncached=103)


def test_text_is_measured_in_bytes_and_a_token_id_counts_as_four() -> None:
    assert text_bytes_of({"a": "abc", "b": [{"c": "é"}], "d": [1, 2, 3], "e": 5, "f": None})[0] == 3 + 2 + 12


def test_text_has_one_word_per_token_wherever_it_is_split() -> None:
    whole = text_of(150, 60)
    pieces = pieces_of(150, 7)
    assert len(whole.split()) == 150
    assert "".join(text_of(size, 60 + first) for first, size in pieces) == whole
