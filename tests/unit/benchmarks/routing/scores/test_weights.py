"""Weights are kept as small integers in a file that is known by its content."""

import random
from pathlib import Path

import pytest

from benchmarks.routing.scores.weights import WEIGHTS_FILE, ScoreFile, WeightsError, read_score_file, rounded
from benchmarks.routing.scores.words import BUCKETS, TEXT_BYTES_MAX


def two_scores() -> ScoreFile:
    drawn = random.Random(1)
    return ScoreFile(tuple([drawn.randint(-127, 127) for _ in range(BUCKETS)] for _ in range(2)))


def test_a_file_has_the_scores_that_were_written(tmp_path: Path) -> None:
    path, made = tmp_path / "scores.bin", two_scores()
    path.write_bytes(made.encode())
    found = read_score_file(path)
    assert (found.version, found.scores_of("Hello, Ärger!")) == (made.version, made.scores_of("Hello, Ärger!"))


@pytest.mark.parametrize("change", [b"", b"x", None])
def test_a_file_that_was_damaged_is_refused(tmp_path: Path, change: bytes | None) -> None:
    path, stored = tmp_path / "scores.bin", two_scores().encode()
    damaged = bytes([*stored[:-1], stored[-1] ^ 1]) if change is None else stored[:-1] + change * 2
    path.write_bytes(damaged)
    with pytest.raises(WeightsError):
        read_score_file(path)


def test_words_are_the_same_in_any_case_and_count_once() -> None:
    file = read_score_file(WEIGHTS_FILE)
    assert file.scores_of("Prove it. PROVE IT. prove it.") == file.scores_of("prove it. Prove it.")
    assert file.scores_of(" \n") == (0,)


def test_only_the_start_of_a_text_counts() -> None:
    file = read_score_file(WEIGHTS_FILE)
    start = "a " * (TEXT_BYTES_MAX // 2)
    assert file.scores_of(start + "prove the theorem") == file.scores_of(start)


def test_rounding_keeps_the_order_and_the_worth_of_weights() -> None:
    weights, worth = rounded([0.5, -0.25, 0.0])
    assert (weights, rounded([0.0])) == ([127, -64, 0], ([0], 0.0))
    assert worth == pytest.approx(0.5 / 127 / 16)
