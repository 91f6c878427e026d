"""The commands `./dev sdk` and `./dev protos`, as shown in docs/guides/sdks.md."""

import re
from pathlib import Path

import pytest
from megarouter.admin.v1.messages import CreateApiKeyRequest, Guardrail, MemberLimits
from typer.testing import CliRunner

from deploy.local.cli.commands import application
from deploy.local.stack.layout import REPOSITORY

PAGE = (REPOSITORY / "docs" / "guides" / "sdks.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\./dev (sdk|protos)(.*?)(?:#.*)?$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("command", "rest"), COMMANDS)
def test_a_command_in_the_guide_exists_with_its_options(command: str, rest: str) -> None:
    help_text = CliRunner().invoke(application, [command, "--help"]).output
    for option in re.findall(r"--[a-z-]+", rest):
        assert option in help_text


def test_the_guide_shows_every_command() -> None:
    assert {command for command, _ in COMMANDS} == {"sdk", "protos"}


def test_the_guide_s_key_with_a_rollover_is_a_message() -> None:
    (shown,) = re.findall(r"`(CreateApiKeyRequest\(.*?)`", PAGE, re.DOTALL)
    names = {"CreateApiKeyRequest": CreateApiKeyRequest, "Guardrail": Guardrail, "organization": "organizations/acme"}
    request = eval(shown, names)  # noqa: S307 - our own page
    assert (request.budget_rollover.enabled, request.budget_rollover.cap_nano_credits) == (True, 5_000_000_000)
    for message in (MemberLimits, Guardrail):
        message(rollover=request.budget_rollover)


def test_a_language_without_a_folder_is_refused() -> None:
    result = CliRunner().invoke(application, ["sdk", "--language", "go"])
    assert result.exit_code == 1
    assert "give --language and --out together" in result.output


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(application, ["sdk", "--language", "cobol", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "there is no plugin for cobol" in result.output
