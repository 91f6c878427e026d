"""What a router saves is measured on prompts that it has not seen, and a use case that was not measured is not routed."""

import random

from benchmarks.routing.evaluation import by_use_case, coin, evaluate
from benchmarks.routing.outcomes import Prompt
from benchmarks.routing.routers import UNKNOWN, oracle, proved_use_cases, score_alone, table, table_with_score
from benchmarks.routing.scores.words import buckets_of


def prompt(use_case: str, number: int, weak: float, strong: float, text: str = "") -> Prompt:
    return Prompt(use_case, buckets_of(text), number, weak, strong, weak_usd=1.0, strong_usd=10.0)


def prompts() -> list[Prompt]:
    """Summaries that both models do well, and proofs that only one does."""
    return [
        prompt(use_case, number, weak, 1.0)
        for number in range(200)
        for use_case, weak in (("summaries", 1.0), ("proofs", 0.0))
    ]


def savings(found: list[Prompt], learn: object) -> list[tuple[float, float]]:
    return [(round(one.saved, 1), round(one.lost, 1)) for one in evaluate(found, learn).savings]  # type: ignore[arg-type]


def test_a_table_routes_the_use_case_without_a_gap_and_no_other() -> None:
    assert savings(prompts(), table) == [(45.0, 0.0)] * 3


def test_a_coin_loses_quality_for_what_it_saves() -> None:
    one, two, five = coin(prompts()).savings
    assert [round(each.lost, 1) for each in (one, two, five)] == [1.0, 2.0, 5.0]
    assert [round(each.saved, 1) for each in (one, two, five)] == [1.8, 3.6, 9.0]


def test_an_oracle_saves_what_a_table_cannot() -> None:
    mixed = [prompt("mixed", number, weak, 1.0) for number in range(200) for weak in (0.0, 1.0)]
    assert savings(mixed, table) == [(0.0, 0.0)] * 3
    assert savings(mixed, oracle) == [(45.0, 0.0)] * 3


def test_a_use_case_that_was_not_measured_is_never_routed() -> None:
    for learn in (table, table_with_score):
        assert learn(prompts())(prompt("poems", 1, 1.0, 1.0)) == UNKNOWN


def test_words_tell_prompts_of_one_use_case_apart() -> None:
    texts = [("prove the theorem", 0.0), ("say hello", 1.0)]
    mixed = [prompt("mixed", number, weak, 1.0, text) for number in range(200) for text, weak in texts]
    assert savings(mixed, table) == [(0.0, 0.0)] * 3
    assert savings(mixed, table_with_score) == [(45.0, 0.0)] * 3


def test_a_score_refines_only_the_use_cases_for_which_it_has_proved_itself() -> None:
    texts = [("prove the theorem", 0.0), ("say hello", 1.0)]
    told = [prompt("told", number << 15, weak, 1.0, text) for number in range(200) for text, weak in texts]
    drawn = random.Random(1)
    noise = [
        prompt("noise", number << 15, float(drawn.random() < 0.5), 1.0, drawn.choice(texts)[0]) for number in range(400)
    ]
    assert proved_use_cases([*told, *noise]) == {"told"}


def test_a_threshold_is_not_set_by_prompts_whose_outcomes_were_learned() -> None:
    """The words are noise. A router that learned them knows the outcomes of its own prompts, and of no others."""
    drawn = random.Random(1)
    noise = [
        prompt("mixed", number, float(drawn.random() < 0.5), 1.0, " ".join(drawn.choices(WORDS, k=30)))
        for number in range(600)
    ]
    assert evaluate(noise, table_with_score).savings[0].lost < 4.0


WORDS = [f"word{number}" for number in range(400)]


def test_a_task_counts_as_unseen_only_if_no_prompt_of_it_was_learned() -> None:
    texts = {"sums": ("add numbers", 1.0), "proofs": ("prove theorems", 0.0)}
    known = [prompt(name, number, weak, 1.0, text) for number in range(100) for name, (text, weak) in texts.items()]
    found = evaluate(known, score_alone, by_use_case(known))
    assert found.savings[0].saved == 0.0
    assert evaluate(known, score_alone).savings[0].saved == 45.0


def test_the_interval_of_a_saving_contains_it_and_narrows_with_more_prompts() -> None:
    def width(count: int) -> float:
        mixed = [prompt("mixed", n, 1.0 if n % 3 else 0.0, 1.0, f"word{n % 3}") for n in range(count)]
        found = evaluate(mixed, table_with_score).savings[0]
        low, high = found.saved_interval
        assert low <= found.saved <= high
        return high - low

    assert width(2_000) < width(200)
