"""Runs the commands of docs/guides/routing.md in order."""

import os
import sys
from pathlib import Path

from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.documented_commands import blocks, broken_promises

PAGE = "docs/guides/routing.md"


def test_every_command_of_the_guide_prints_what_its_comment_says(stack: Stack, tmp_path: Path) -> None:
    environment = {**stack.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert broken_promises(blocks(PAGE, "sh"), tmp_path, environment) == []
