"""Prints the progress of the bootstrap and runs its commands."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class BootstrapError(Exception):
    """A step of the bootstrap failed. The message says which, and why or what to do."""


def say(text: str) -> None:
    """Prints one line of progress to stderr. The command that follows owns stdout."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], failure: str, directory: Path, environment: Mapping[str, str]) -> None:
    """Runs a command. Shows its output on a terminal as it runs, and elsewhere only if it fails.

    Raises:
        BootstrapError: the command failed. The message begins with `failure`.
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
