"""What the bootstrap says, and the commands it runs."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class BootstrapError(Exception):
    """A step failed; the message says what to do."""


def say(text: str) -> None:
    """One line for the person waiting. Goes to stderr: stdout belongs to the command that follows."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], failure: str, directory: Path, environment: Mapping[str, str]) -> None:
    """Runs a command; its own progress is shown on a terminal only, its output always when it fails.

    Raises:
        BootstrapError: with `failure` as its first line.
    """
    shown = sys.stderr.isatty()
    try:
        result = subprocess.run(
            command,
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr if shown else subprocess.PIPE,
            stderr=None if shown else subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise BootstrapError(f"{failure}: {error}") from error
    if result.returncode != 0:
        raise BootstrapError(
            f"{failure} (status {result.returncode})" + ("" if shown else f":\n{result.stdout.strip()}")
        )
