"""Runs the transcripts of a documentation page in one shell, and compares what the commands print with the page.

A transcript is a `console` block: lines that begin with `$ ` are commands, and what follows each is its output.
"""

import difflib
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MARK: Final = "=== end of command "
_BLOCK: Final = re.compile(r"```console\n(.*?)```|<!-- (.*?) -->", re.DOTALL)
_CHANGING: Final = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b([a-z]+)-01[0-9a-hjkmnp-tv-z]{20,}"), r"\1-ID"),
    (re.compile(r"\b(mr[a-z]?)-[A-Za-z0-9_-]{6,}"), r"\1-SECRET"),
    (re.compile(r"\b(mr[a-z]?)-\S*?(?:\.{2,}|…|\*+)\S*"), r"\1-SECRET"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?"), "TIME"),
    (
        re.compile(r"\b(?:in )?\d+ ?(?:s|m|min|h|d|seconds?|minutes?|hours?|days?|weeks?|months?)(?: ago)?\b|\bnow\b"),
        "TIME",
    ),
    (re.compile(r"\b[12]\d{9}\b"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"(auditLogEntries/|127\.0\.0\.1\s+)\d+$", re.MULTILINE), r"\1NUMBER"),
    (re.compile(r" {2,}"), " "),
)
"""What differs between two runs. Blanks, because columns are as wide as their widest value."""
_SECRET: Final = re.compile(r"\b(mr[a-z]?-)([A-Za-z0-9_-]{20,})")


@dataclass(frozen=True, slots=True)
class Difference:
    """A command that printed something else than the page says."""

    command: str
    promised: str
    printed: str

    def __str__(self) -> str:
        """The command with the lines that differ."""
        lines = difflib.unified_diff(
            settled(self.promised).splitlines(), settled(self.printed).splitlines(), "page", "printed", lineterm="", n=0
        )
        return "\n".join((f"$ {self.command}", *lines))


class Shell:
    """A shell that keeps its variables and functions between commands."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory, env=dict(environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, command: str) -> str:
        """Returns what a command prints, to both outputs.

        Raises:
            AssertionError: the shell ended.
        """
        assert self._process.stdin and self._process.stdout  # noqa: PT018 - for the type checker
        self._process.stdin.write(f"{{ {command}\n}} </dev/null; echo '{_MARK}'\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.endswith(f"{_MARK}\n"):
                lines.append(line.removesuffix(f"{_MARK}\n"))
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended: {''.join(lines)}")

    def close(self) -> None:
        """Ends the shell."""
        self._process.communicate()


def steps(text: str) -> Iterable[str]:
    """Returns the transcripts and the comments of a page in order. A comment has no line."""
    return (match[1] if match[1] is not None else match[2] for match in _BLOCK.finditer(text))


def run_page(page: Path, shell: Shell, happen: Callable[[str], None]) -> list[Difference]:
    """Runs the transcripts of a page and returns the differences. With UPDATE_GOLDEN, writes what is printed into the page.

    Args:
        page: the page.
        shell: runs its commands.
        happen: does what an HTML comment of the page says, which readers do not see.
    """
    text = page.read_text(encoding="utf-8")
    differences: list[Difference] = []

    def replayed(match: re.Match[str]) -> str:
        if match[1] is None:
            happen(match[2])
            return match[0]
        parts = []
        for command, promised in commands_of(match[1]):
            printed = shell.run(command)
            if settled(printed) != settled(promised):
                differences.append(Difference(command, promised, printed))
            parts.append(f"$ {command}\n{shown(printed)}")
        return f"```console\n{''.join(parts)}```"

    written = _BLOCK.sub(replayed, text)
    if os.environ.get("UPDATE_GOLDEN"):
        page.write_text(written, encoding="utf-8")
        return []
    return differences


def commands_of(transcript: str) -> list[tuple[str, str]]:
    """Returns the commands of a transcript, each with its output."""
    parts = re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def shown(printed: str) -> str:
    """Returns an output for a page: without secrets and blanks at the ends of lines, and ending with a line feed."""
    hidden = _SECRET.sub(lambda match: match[1] + "x" * len(match[2]), printed)
    lines = [line.rstrip() for line in hidden.splitlines()]
    return "".join(f"{line}\n" for line in lines)


def settled(output: str) -> str:
    """Returns an output without what differs between two runs."""
    text = shown(output)
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text
