"""The README's tour, run as it is written."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.supervision.running import Stack
from tests.support.repository import ROOT


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def tour_directory(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `.run` is the home of the running stack."""
    directory = tmp_path_factory.mktemp("tour")
    (directory / ".run").symlink_to(stack.home.directory)
    return directory


def test_every_line_of_the_tour_shows_what_its_comment_says(tour_directory: Path) -> None:
    tour = blocks("sh")[1]
    result = subprocess.run(
        ["bash", "-euc", tour], cwd=tour_directory, capture_output=True, text=True, timeout=60, check=True
    )
    expected = [
        "chat.completion",
        "data: [DONE]",
        "budget_exhausted",
        "model_not_allowed",
        "key_disabled",
        '"object": "list"',
    ]
    position = 0
    for text in expected:
        position = result.stdout.find(text, position)
        assert position >= 0, (text, result.stdout)


def test_the_three_sdks_answer_as_the_example_says(stack: Stack, tour_directory: Path) -> None:
    (code,) = blocks("python")
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tour_directory, capture_output=True, text=True, timeout=60, check=True, env={**os.environ, **stack.environment},
    )  # fmt: skip
    for shape in ("ChatCompletion(", "Message(", "candidates="):
        assert shape in result.stdout
