"""Runs the commands of guides in order."""

import os
import sys
from pathlib import Path

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.documented_commands import blocks, broken_promises


@pytest.mark.parametrize(
    "guide",
    [
        "docs/guides/calling-models.md",
        "docs/guides/live-configuration.md",
        "docs/guides/operators.md",
        "docs/guides/own-keys.md",
        "docs/guides/people.md",
        "docs/guides/routing.md",
        "docs/guides/scim.md",
    ],
)
def test_every_command_of_a_guide_prints_what_its_comment_says(stack: Stack, tmp_path: Path, guide: str) -> None:
    environment = {**stack.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert broken_promises(blocks(guide, "sh"), tmp_path, environment) == []
