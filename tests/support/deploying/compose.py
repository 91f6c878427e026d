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


def composed(variables: Mapping[str, str]) -> dict[str, Any]:
    """Returns the document with the variables put in.

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

    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(value, text))
    return document


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
