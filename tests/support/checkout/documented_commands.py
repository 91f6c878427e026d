"""Runs the commands of a documentation page line by line in one shell, and compares each output with the line's comment."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.repository import ROOT

_MARK = "=== line "


def blocks(page: str, language: str) -> list[str]:
    """Returns the code blocks of a page in a language, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def broken_promises(
    script: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Returns the lines whose output lacks the text of their comment: the line, the comment, and the output.

    Args:
        script: blocks of shell lines. The comment of a line that sets variables only explains and is not checked.
        directory: the working directory. Its `.run` is the home of the stack.
        environment: the complete environment of the shell.

    Raises:
        AssertionError: the shell ended early.
    """
    lines = [line for block in script for line in block.splitlines()]
    marked = "\n".join(f"echo '{_MARK}{number}'\n{line}" for number, line in enumerate(lines))
    result = subprocess.run(
        ["bash", "-euc", marked],
        cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False, env=dict(environment),
    )  # fmt: skip
    assert result.returncode == 0, (result.stdout[-5_000:], result.stderr)
    shown = [part.partition("\n")[2] for part in result.stdout.split(_MARK)[1:]]
    promised = ["" if line.startswith(("set ", "export ")) else line.partition(" # ")[2].strip() for line in lines]
    return [case for case in zip(lines, promised, shown, strict=True) if case[1] not in case[2]]
