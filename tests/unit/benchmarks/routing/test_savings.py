"""What a router saves is measured on prompts that it has not seen, and a use case that was not measured is not routed."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.routing.__main__ import main
from benchmarks.routing.outcomes import OutcomesError, Pair, Prompt, read_prompts
from benchmarks.routing.routers import UNKNOWN, oracle, table, table_with_text
from benchmarks.routing.savings import random_saving, saving
from benchmarks.routing.texts import LinearText

PAIR = Pair("light", "top", (1.0, 1.0), (10.0, 10.0))


def prompt(use_case: str, weak: float, strong: float, text: str = "") -> Prompt:
    return Prompt(
        use_case, text, is_in_first_half=True, weak_score=weak, strong_score=strong, weak_usd=1.0, strong_usd=10.0
    )


def prompts() -> list[Prompt]:
    """Summaries that both models do well, and proofs that only one does."""
    return [prompt("summaries", 1.0, 1.0), prompt("proofs", 0.0, 1.0)] * 200


def test_a_table_routes_the_use_case_without_a_gap_and_no_other() -> None:
    found = saving((prompts(), prompts()), table, 2.0)
    assert (found.saved, found.lost) == (45.0, 0.0)


def test_a_coin_loses_quality_for_what_it_saves() -> None:
    found = random_saving(prompts(), 5.0)
    assert (round(found.saved, 1), round(found.lost, 1)) == (9.0, 5.0)


def test_an_oracle_saves_at_least_what_a_table_does() -> None:
    mixed = [prompt("mixed", weak, 1.0) for weak in (0.0, 1.0)] * 100
    assert saving((mixed, mixed), table, 1.0).saved == 0
    assert saving((mixed, mixed), oracle, 1.0).saved == 45.0


def test_a_use_case_that_was_not_measured_is_never_routed() -> None:
    for learn in (table, table_with_text):
        assert learn(prompts())(prompt("poems", 1.0, 1.0)) == UNKNOWN


def test_words_tell_prompts_of_one_use_case_apart() -> None:
    examples = [("prove the theorem", 1.0), ("say hello", -1.0)] * 50
    learned = LinearText.learn(examples)
    assert learned.of("prove it") > 0 > learned.of("hello there")
    assert LinearText.learn(examples).weights == learned.weights, "two runs learn the same"


def line(**changes: Any) -> str:
    outcomes = {"light": [1.0, 100, 50], "top": [1.0, 100, 50]}
    return json.dumps({"dataset": "d", "group": "g", "id": 1, "prompt": "Hi", "outcomes": outcomes, **changes})


def test_costs_are_those_of_the_tokens_that_each_model_used(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl.gz"
    path.write_bytes(gzip.compress(f"{line()}\n{line(outcomes={'light': [1, 1, 1]})}\n".encode()))
    (found,) = read_prompts(path, PAIR)
    assert (found.use_case, round(found.weak_usd * 1e6), round(found.strong_usd * 1e6)) == ("d g", 150, 1_500)


@pytest.mark.parametrize("text", ["", "{", "[]", line(outcomes={"light": [1], "top": [1, 2, 3]}), line(outcomes={})])
def test_a_file_without_usable_outcomes_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_text(text)
    with pytest.raises(OutcomesError):
        read_prompts(path, PAIR)


def test_the_command_prints_a_table_for_each_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "outcomes.jsonl"
    names = {"gpt-4o-mini-2024-07-18": [1.0, 100, 50], "gpt-4o-2024-08-06": [1.0, 100, 50]}
    path.write_text("\n".join(line(id=number, outcomes=names) for number in range(40)))
    assert main([str(path), "--pair", "gpt-4o-2024-08-06"]) == 0
    shown = capsys.readouterr().out
    assert "40 prompts, quality 100.0 -> 100.0" in shown
    assert [text.split("  ")[0] for text in shown.splitlines()[3:7]] == ["random", "table", "table + words", "oracle"]
    assert main([str(path), "--pair", "gpt-99"]) == 2
    assert main([str(tmp_path / "nothing"), "--quick"]) == 1
