"""Writes the page with every command of `megarouter` and `./dev`, from the declarations behind their `--help`."""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer
import typer.main
from megarouter_admin.command_line.parsing.commands import Command
from megarouter_admin.command_line.parsing.full_parser import whole_program

from deploy.local.cli.commands import application as dev

_INTRODUCTION: Final = """# Commands

Generated from the command-line programs by `./dev protos --pages`; do not edit. [The command line](../guides/command-line.md)
explains `megarouter` with examples that run; [operating](../guides/operating.md) explains `./dev`.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | refused or failed |
| 2 | misused: an argument is missing, unknown or unreadable |

## megarouter

Every command also takes these options:

| option | meaning |
|---|---|"""
_COMMON: Final = ("organization", "address", "token_file", "json")
_OPTIONS: Final = "| argument or option | meaning |\n|---|---|"


def megarouter_program() -> typer.Typer:
    """`megarouter` with all its commands; they are shown and never run."""

    def refuse(command: Command, _values: Mapping[str, Any]) -> int:
        raise AssertionError(f"the page runs no command, and this is {command.name}")

    return whole_program(refuse)


def command_page() -> str:
    """Returns the text of the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    program: Any = typer.main.get_command(megarouter_program())
    yield _INTRODUCTION
    first = next(command for command in program.commands.values() if not hasattr(command, "commands"))
    yield from (_row(parameter) for parameter in first.params if parameter.name in _COMMON)
    yield from _group("megarouter", program, "###")
    yield "\n## ./dev\n\nRuns MegaRouter Enterprise on one machine."
    yield from _group("./dev", typer.main.get_command(dev), "###", common=())


def _group(prefix: str, group: Any, heading: str, common: tuple[str, ...] = _COMMON) -> Iterator[str]:  # noqa: ANN401 - typer's own, untyped
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield f"\n{heading} {prefix} {name}\n\n{command.help}"
            yield from _group(f"{prefix} {name}", command, heading + "#", common)
        else:
            yield from _command(f"{prefix} {name}", command, heading, common)


def _command(name: str, command: Any, heading: str, common: tuple[str, ...]) -> Iterator[str]:  # noqa: ANN401
    yield f"\n{heading} {name}\n\n{inspect.cleandoc(command.help)}"
    own = [parameter for parameter in command.params if parameter.name not in common]
    if own:
        yield f"\n{_OPTIONS}"
        yield from map(_row, own)
    examples = (command.epilog or "").removeprefix("\b\nExamples:\n").splitlines()
    if examples:
        yield "\n```text\n" + "\n".join(line.strip() for line in examples) + "\n```"


def _row(parameter: Any) -> str:  # noqa: ANN401
    metavar = "" if getattr(parameter, "is_flag", False) else parameter.metavar or _choices(parameter)
    if parameter.param_type_name == "argument":
        spelling = f"`{metavar or parameter.name.upper()}`"
    else:
        spelling = ", ".join(f"`{option}`" for option in parameter.opts) + (f" `{metavar}`" if metavar else "")
    return f"| {spelling} | {_escaped(parameter.help or '')}{_required(parameter)}{_default(parameter)}{_variables(parameter)} |"


def _choices(parameter: Any) -> str:  # noqa: ANN401
    annotation = parameter.type_descriptor.annotation
    members = getattr(annotation, "__members__", {})
    return "|".join(str(member.value) for member in members.values()) if members else annotation.__name__.upper()


def _required(parameter: Any) -> str:  # noqa: ANN401
    return " Required." if parameter.required and parameter.param_type_name == "option" else ""


def _default(parameter: Any) -> str:  # noqa: ANN401
    shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    if shown in (None, "", 0, [], ()) or isinstance(shown, bool | Path) or "Default:" in (parameter.help or ""):
        return ""
    return f" Default: `{getattr(shown, 'value', shown)}`."


def _variables(parameter: Any) -> str:  # noqa: ANN401
    names = [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or []
    return f" Environment: {' or '.join(f'`{name}`' for name in names)}." if names else ""


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
