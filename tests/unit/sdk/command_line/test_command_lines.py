"""The quick parser reads some of all command lines, with the same result as the full parser."""

import contextlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from megarouter_admin.command_line.application import run
from megarouter_admin.command_line.parsing import full_parser
from megarouter_admin.command_line.parsing.commands import Command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.parsing.quick_parser import quick_values
from megarouter_admin.command_line.sections import PARTS

COMMANDS = [((part.name, name), command) for part in PARTS for name, command in part.load().items()]
WORDS = (
    "",
    "a",
    "groups/a",
    "5",
    "-1",
    "007",
    "x=y",
    "-",
    "--",
    "--help",
    "-h",
    "monthly",
    "super-admin",
    "csv",
    "é",
    "a b",
)
VARIABLES = ("MEGAROUTER_ORGANIZATION", "MEGAROUTER_ADMIN_ADDRESS", "MEGAROUTER_ADMIN_URL")


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[tuple[str, ...], Command, list[str], dict[str, str]]:
    words, command = draw(st.sampled_from(COMMANDS))
    spellings = [
        spelling
        for parameter in command.parameters
        if isinstance(parameter.declaration, Option)
        for spelling in parameter.declaration.spellings(parameter.name)
    ]
    places = sum(not isinstance(parameter.declaration, Option) for parameter in command.parameters)
    front = draw(st.lists(st.sampled_from(WORDS), min_size=max(0, places - 1), max_size=places))
    more = draw(st.lists(st.one_of(st.sampled_from(spellings), st.sampled_from(WORDS)), max_size=5))
    environment = draw(st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from(["", "acme", "127.0.0.1:1"])))
    return words, command, [*front, *more], environment


def in_full(command: Command, words: tuple[str, ...], arguments: list[str]) -> Mapping[str, Any] | None:
    read: list[Mapping[str, Any]] = []

    def note(_: Command, values: Mapping[str, Any]) -> int:
        read.append(values)
        return 0

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        full_parser.run_command(command, words, arguments, note)
    return read[0] if read else None


@settings(max_examples=400, deadline=None)
@given(command_lines())
def test_the_quick_parser_agrees_with_the_full_parser(
    line: tuple[tuple[str, ...], Command, list[str], dict[str, str]],
) -> None:
    words, command, arguments, environment = line
    quick = quick_values(command, arguments, environment)
    if quick is None:
        return
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEGAROUTER_")}
    with mock.patch.dict(os.environ, {**kept, **environment}, clear=True):
        full = in_full(command, words, arguments)
    assert full is not None, arguments
    assert full == quick


def _command(*words: str) -> Command:
    return next(command for name, command in COMMANDS if name == words)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (("whoami", "whoami"), []),
        (("keys", "list"), ["--limit", "5", "--json"]),
        (("keys", "delete"), ["emma-default", "--yes"]),
        (("keys", "delete"), ["-y", "emma-default", "-o", "acme"]),
        (("keys", "create"), ["Notebook", "--model", "a", "--model", "b", "--expires", "90d"]),
        (("audit", "export"), ["--format", "csv", "--out", "changes.csv"]),
        (("members", "role"), ["emma", "--role", "sub-admin"]),
        (("credits", "adjust"), ["-5", "--reason", "goodwill"]),
    ],
)
def test_the_quick_parser_reads_common_command_lines(words: tuple[str, str], arguments: list[str]) -> None:
    assert quick_values(_command(*words), arguments, {}) is not None


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (("keys", "list"), ["--help"]),
        (("keys", "list"), ["--limit", "-1"]),
        (("keys", "list"), ["--limit", "x"]),
        (("keys", "list"), ["--limit=5"]),
        (("keys", "list"), ["--limit", "5", "--limit", "6"]),
        (("keys", "list"), ["--limit"]),
        (("keys", "list"), ["more"]),
        (("keys", "list"), ["--lim", "5"]),
        (("keys", "delete"), []),
        (("keys", "delete"), ["--", "-y"]),
        (("members", "role"), ["emma", "--role", "emperor"]),
        (("credits", "adjust"), ["--", "-5"]),
    ],
)
def test_a_possible_mistake_is_left_to_the_full_parser(words: tuple[str, str], arguments: list[str]) -> None:
    assert quick_values(_command(*words), arguments, {}) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Commands:"),
        (["keyz"], "No such command 'keyz'. Did you mean 'keys'?"),
        (["keys", "lst"], "Try 'megarouter keys -h' for help.\n\nError: No such command 'lst'. Did you mean 'list'?"),
        (["keys", "list", "--limit", "x"], "Usage: megarouter keys list [OPTIONS]\n"),
        (["whoami", "--json"], "Error: Invalid value: no address: set MEGAROUTER_ADMIN_ADDRESS or use --address"),
    ],
)
def test_misuse_exits_with_2_and_points_to_the_help(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert run(arguments) == 2
    assert message in "".join(capsys.readouterr())


def test_the_summaries_in_the_programs_help_match_the_commands() -> None:
    for part in PARTS:
        if not part.is_section:
            (command,) = part.load().values()
            assert (command.name, command.function.__doc__) == (part.name, part.summary)


def test_a_text_argument_is_read_unchanged(tmp_path: Path) -> None:
    values = quick_values(_command("keys", "create"), ["5", "--expires", "true"], {})
    assert values is not None
    assert (values["token_file"], values["expires"]) == (None, "true")


@pytest.mark.parametrize(
    "arguments",
    [["-5"], ["-5", "--reason", "x"], ["--reason", "-5", "-2.50"], ["--yes", "--", "-5"], ["-0.5", "--reason=x"]],
)
def test_a_negative_amount_needs_no_separator(arguments: list[str]) -> None:
    values = in_full(_command("credits", "adjust"), ("credits", "adjust"), arguments)
    assert values is not None
    assert values["amount"] in {"-5", "-2.50", "-0.5"}


def test_a_choice_that_does_not_exist_is_refused_with_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("routing", "set-policy")
    assert full_parser.run_command(_command(*words), words, ["organization", "--mode", "on"], lambda *_: 0) == 2
    assert "Invalid value for '--mode': 'on' is not one of 'off', 'shadow', 'live'." in capsys.readouterr().err
