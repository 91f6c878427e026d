"""The real stack, for the clients whose toolchains the default suite does not need: `./dev sdk --test go java`."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import identity_provider, stack

__all__ = ("identity_provider", "stack")

TIMEOUT_S = 600

Run = Callable[..., str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="package")
def run(stack: Stack) -> Run:
    """Runs a program that finds the stack in its environment, and returns what it printed."""

    def run(command: list[str], directory: Path, environment: dict[str, str] | None = None) -> str:
        variables = {**os.environ, **stack.environment, **(environment or {})}
        result = subprocess.run(
            command, cwd=directory, env=variables, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run
