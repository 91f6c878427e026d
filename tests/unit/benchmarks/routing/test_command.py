"""`./dev route-eval` fails when figures get worse or a page misquotes them, and works on the outcomes of a customer."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.routing import figures
from benchmarks.routing.__main__ import main
from benchmarks.routing.outcomes import OutcomesError, Pair, read_prompts
from benchmarks.routing.pairs import pair_of

PAIR = Pair("light", "top", (1.0, 1.0), (10.0, 10.0))
PRICES = ["--pair", "light,top", "--price", "light=1,1", "--price", "top=10,10"]


def line(**changes: Any) -> str:
    outcomes = {"light": [1.0, 100, 50], "top": [1.0, 100, 50]}
    return json.dumps({"group": "g", "id": 1, "prompt": "Hi", "outcomes": outcomes, **changes})


def written(path: Path, count: int = 40) -> Path:
    path.write_text("\n".join(line(id=number) for number in range(count)))
    return path


def test_the_sample_has_the_stored_figures_and_the_page_quotes_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 0, capsys.readouterr().err


def test_figures_that_are_worse_than_the_stored_ones_are_found() -> None:
    row = [[40.0, 38.0, 42.0, 0.9]] * 3
    assert not figures.worse_than({"pair": {"table": row}}, {"pair": {"table": row}})
    for worse in ([39.0, 38.0, 42.0, 0.9], [40.0, 38.0, 42.0, 1.5]):
        assert figures.worse_than({"pair": {"table": row}}, {"pair": {"table": [worse, *row[1:]]}})
    assert figures.worse_than({}, {"pair": {"table": row}})


def test_a_page_that_quotes_another_number_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(figures.DOCUMENT.read_text())
    monkeypatch.setattr(figures, "DOCUMENT", page)
    assert not figures.misquoted()
    page.write_text(page.read_text().replace("| oracle | 90", "| oracle | 91", 1))
    assert figures.misquoted()


def test_costs_are_those_of_the_tokens_that_each_model_used(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl.gz"
    other = line(outcomes={"light": [1, 1, 1]})
    path.write_bytes(gzip.compress("\n".join([*(line(id=number) for number in range(20)), other]).encode()))
    ((found, *rest),) = read_prompts(path, [PAIR])
    assert (len(rest), found.use_case) == (19, "g")
    assert (round(found.weak_usd * 1e6), round(found.strong_usd * 1e6)) == (150, 1_500)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", line(outcomes={"light": [1], "top": [1, 2, 3]}), line(outcomes={"light": [2, 1, 1], "top": [1, 1, 1]}),
     line(outcomes={"light": [1, -1, 1], "top": [1, 1, 1]}), line(prompt=None), line(outcomes={})],
)  # fmt: skip
def test_a_file_without_usable_outcomes_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "outcomes.jsonl"
    path.write_text(text)
    with pytest.raises(OutcomesError):
        read_prompts(path, [PAIR])


def test_the_outcomes_of_a_customer_are_measured_with_their_prices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(written(tmp_path / "outcomes.jsonl")), *PRICES, "--svg", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "40 prompts, quality 100.0 → 100.0" in shown
    rows = [text for text in shown.splitlines() if text.startswith("table ")]
    assert "90.0 %" in rows[0]
    assert "<polyline" in (tmp_path / "light-to-top.svg").read_text()


@pytest.mark.parametrize(("loss", "saved"), [(100, "90.0"), (101, "0.0")])
def test_stated_losses_are_applied_as_a_policy_applies_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], loss: int, saved: str
) -> None:
    policy = tmp_path / "policy.json"
    losses = [{"useCase": "g", "modelName": "light", "lossBasisPoints": loss}]
    policy.write_text(json.dumps({"maxLossBasisPoints": 100, "measuredLosses": losses}))
    assert main([str(written(tmp_path / "outcomes.jsonl")), *PRICES, "--policy", str(policy)]) == 0
    assert f"the policy saves {saved} %" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--quick", "--pair", "gpt-4o"],
        ["--quick", "--pair", "light,top"],
        ["--quick", "--pair", "a,b", "--price", "a=1", "--price", "b=1,1"],
        ["--quick", "--pair", "a,b", "--price", "a=-1,1", "--price", "b=1,1"],
        ["nothing.jsonl"],
    ],
)
def test_wrong_arguments_are_refused_with_what_to_write(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_a_policy_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    for text in ("", "[]", '{"maxLossBasisPoints": 1}', '{"maxLossBasisPoints": 1, "measuredLosses": []}'):
        path.write_text(text)
        assert main([str(written(tmp_path / "outcomes.jsonl")), *PRICES, "--policy", str(path)]) == 2


def test_prices_are_known_or_given() -> None:
    assert pair_of("gpt-4o-mini-2024-07-18,top", ["top=10,20"]).strong_usd == (10.0, 20.0)
