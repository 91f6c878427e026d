"""Weights are learned from outcomes, the same from the same, and their quality is that on prompts they were not learned from."""

import json
from pathlib import Path

import pytest

from benchmarks.routing.figures import DOCUMENT
from benchmarks.routing.scores.weights import WEIGHTS_FILE, read_score_file
from tools.routing_scores import main

PRICES = ["--pair", "light,top", "--price", "light=1,1", "--price", "top=10,10"]


def outcomes(path: Path) -> Path:
    texts = [("prove the theorem", 0.0), ("say hello", 1.0)]
    lines = [
        {"group": "g", "id": f"{number}{text}", "prompt": text, "outcomes": {"light": [weak, 9, 9], "top": [1.0, 9, 9]}}
        for number in range(40)
        for text, weak in texts
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_the_same_outcomes_give_the_same_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = outcomes(tmp_path / "outcomes.jsonl")
    for name in ("one.bin", "two.bin"):
        assert main([str(data), *PRICES, "--output", str(tmp_path / name)]) == 0, capsys.readouterr().err
    assert (tmp_path / "one.bin").read_bytes() == (tmp_path / "two.bin").read_bytes()
    found = read_score_file(tmp_path / "one.bin")
    assert found.scores_of("prove the theorem") > found.scores_of("say hello")
    quality = json.loads((tmp_path / "one.json").read_text())
    assert quality == {"version": found.version, "separation_in_use_cases": {"light,top": 1.0}}


def test_the_quality_of_the_modules_weights_is_that_of_their_version() -> None:
    stored = json.loads(WEIGHTS_FILE.with_suffix(".json").read_text())
    assert stored["version"] == read_score_file(WEIGHTS_FILE).version
    quality = stored["separation_in_use_cases"].values()
    assert f"they reach {min(quality):.2f} to {max(quality):.2f}" in DOCUMENT.read_text(), (
        "the page quotes other figures"
    )


def test_outcomes_that_cannot_be_read_leave_the_weights(tmp_path: Path) -> None:
    output = tmp_path / "scores.bin"
    assert main([str(tmp_path / "nothing"), *PRICES, "--output", str(output)]) == 2
    assert not output.exists()
