"""Runs the commands of the README, and of the pages in docs/ that need only a running stack, as written."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.documented_commands import blocks, broken_promises
from tests.support.repository import ROOT


@pytest.fixture
def tour_directory(stack: Stack, tmp_path: Path) -> Path:
    """A directory with the installed programs, whose `.run` is the home of the running stack, and whose `./dev` uses that home."""
    (tmp_path / ".run").symlink_to(stack.home.directory)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    dev = tmp_path / "dev"
    home = shlex.quote(str(stack.home.directory))
    dev.write_text(f'#!/bin/sh\nexec {shlex.quote(str(ROOT / "dev"))} "$@" --home {home}\n', encoding="utf-8")
    dev.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("page", "first"),
    [
        ("README.md", 1),
        ("docs/start/tour.md", 0),
        ("docs/guides/admin-api.md", 0),
        ("docs/guides/audit.md", 0),
        ("docs/guides/usage.md", 0),
        ("docs/guides/alerts.md", 0),
    ],
)
def test_every_command_prints_what_its_comment_says(tour_directory: Path, page: str, first: int) -> None:
    script = blocks(page, "sh")[first:]
    assert script
    assert broken_promises(script, tour_directory, {"PATH": os.environ["PATH"]}) == []


@pytest.mark.parametrize(
    ("page", "shapes"),
    [("README.md", ["ChatCompletion("]), ("docs/start/tour.md", ["ChatCompletion(", "Message(", "candidates="])],
)
def test_the_sdk_examples_print_the_documented_answers(
    stack: Stack, tour_directory: Path, page: str, shapes: list[str]
) -> None:
    (code,) = blocks(page, "python")
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tour_directory, capture_output=True, text=True, timeout=60, check=True, env={**os.environ, **stack.environment},
    )  # fmt: skip
    assert [shape for shape in shapes if shape not in result.stdout] == []
