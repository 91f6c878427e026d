"""Runs the commands of docs/guides/operators.md in order."""

import os
import subprocess
import sys
from pathlib import Path

from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.documented_commands import blocks

PAGE = "docs/guides/operators.md"


def test_every_command_of_the_guide_prints_what_its_comment_says(stack: Stack) -> None:
    (code,) = blocks(PAGE, "sh")
    environment = {**stack.environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    lines = code.splitlines()
    assert len(lines) == 5
    for line in lines:
        result = subprocess.run(
            ["bash", "-euc", line], capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert result.returncode == 0, (line, result.stderr)
        for shown in line.partition(" # ")[2].strip().split(", "):
            assert shown in result.stdout + result.stderr, (line, result.stdout)
