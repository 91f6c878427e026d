"""The program `megarouter` against the running stack: the examples in its guide, and its errors."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "guides" / "command-line.md"
PROGRAM = str(Path(sys.executable).parent / "megarouter")


def megarouter(stack: Stack, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], **stack.environment, **variables}
    return subprocess.run(
        [PROGRAM, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip


def test_the_program_is_installed() -> None:
    assert shutil.which(PROGRAM)


@pytest.mark.timeout(180)
def test_every_line_of_the_guide_prints_what_its_comment_says(stack: Stack) -> None:
    (code,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for line in code.splitlines() if line.startswith("megarouter ")]
    assert len(lines) > 20
    environment = {**stack.environment, "PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}"}
    for line in lines:
        result = subprocess.run(
            ["bash", "-euc", line], capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert result.returncode == 0, (line, result.stderr)
        shown = line.partition(" # ")[2].strip()
        assert shown in result.stdout, (line, result.stdout)
        assert "\x1b" not in result.stdout


def test_json_output_of_a_list_is_one_array(stack: Stack) -> None:
    keys = json.loads(megarouter(stack, "keys", "list", "--json").stdout)
    assert {key["name"] for key in keys} >= {key["name"] for key in stack.demo["api_keys"]}


def test_a_refused_command_says_why_and_what_to_do(stack: Stack) -> None:
    result = megarouter(stack, "keys", "disable", "unknown")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "reason: PERMISSION_DENIED" in result.stderr
    assert "what to do: check the name" in result.stderr
    assert "Traceback" not in result.stderr


def test_invalid_fields_are_named(stack: Stack) -> None:
    result = megarouter(stack, "organizations", "update", "--time-zone", "Mars/Olympus")
    assert result.returncode == 1
    assert "organization.time_zone:" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("keys", "delete", "emma-default"), "--yes"),
        (("credits", "top-up", "1.0000000001"), "at most 9 decimals"),
        (("keys", "disable", "No/Such/Name"), "is not a name"),
        (("guardrails", "set", "organization"), "nothing to set"),
    ],
)
def test_misuse_exits_with_2_and_changes_nothing(stack: Stack, arguments: tuple[str, ...], message: str) -> None:
    result = megarouter(stack, *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_wrong_token_is_reported_but_not_shown(stack: Stack) -> None:
    result = megarouter(stack, "whoami", MEGAROUTER_ADMIN_TOKEN="mra-not-a-token")
    assert result.returncode == 1
    assert "MEGAROUTER_ADMIN_TOKEN" in result.stderr
    assert "mra-not-a-token" not in result.stderr


def test_a_gateway_that_does_not_answer_is_reported(stack: Stack) -> None:
    result = megarouter(stack, "whoami", "--address", "127.0.0.1:1")
    assert result.returncode == 1
    assert "check the address" in result.stderr
