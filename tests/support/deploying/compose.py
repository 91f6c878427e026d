"""Reads the compose file as its tools do: variables of a `.env` are put in, and what does not fit the specification is refused."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

import yaml

from deploy.local.stack.layout import REPOSITORY
from tests.support.deploying.programs import programs

FOLDER: Final = REPOSITORY / "deploy" / "compose"
_VARIABLE: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<sign>[-?])(?P<other>[^}]*))?\})")
_PROGRAM: Final = """
import sys
from compose_spec import PyCompose
composed = PyCompose.from_json(sys.stdin.read())
composed.validate()
"""


class UnsetVariableError(Exception):
    """The file wants a variable that is not set."""


def composed(variables: Mapping[str, str], *more: str) -> dict[str, Any]:
    """Returns the document with the variables put in, and with what other files of the folder add.

    Raises:
        UnsetVariableError: one that the file demands is missing.
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        found = variables.get(match["name"], "")
        if not found and match["sign"] == "?":
            raise UnsetVariableError(match["name"])
        return found or (match["other"] or "")

    texts = [(FOLDER / name).read_text(encoding="utf-8") for name in ("compose.yaml", *more)]
    document: dict[str, Any] = {}
    for text in texts:
        document = _merged(document, yaml.safe_load(_VARIABLE.sub(value, text)))
    return document


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Adds another file as compose does: volumes and ports are added, and a command is replaced."""
    merged = dict(one)
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(one.get(key), dict):
            merged[key] = _merged(one[key], value)
        elif key in {"volumes", "ports"} and isinstance(value, list):
            merged[key] = [*one.get(key, []), *value]
        else:
            merged[key] = value
    return merged


def problems_of(document: dict[str, Any]) -> str:
    """Returns what is wrong by the specification of compose files; empty if nothing is."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        input=json.dumps(document),
        env={"PYTHONPATH": str(programs().packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
