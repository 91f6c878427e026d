"""What all commands have in common: how they are declared, connected, confirmed, and what they say of enums."""

import enum
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Concatenate, Final, TypeVar, get_args

from megarouter.type.v1.role_pb2 import Role

from megarouter_admin.command_line.command_errors import DeclinedError
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.session import Session

Function = TypeVar("Function", bound=Callable[Concatenate[Session, ...], None])

YesOption = Annotated[bool, Option("--yes", "-y", text="Do not ask for confirmation.")]
LimitOption = Annotated[int, Option("--limit", metavar="N", minimum=0, text="Maximum number of rows; 0 for all.")]
FilterOption = Annotated[str, Option("--filter", metavar="TEXT", text="Filter of the API (AIP-160).")]
GroupOption = Annotated[str, Option("--group", metavar="GROUP", text="Only in this group.")]
BelowOption = Annotated[bool, Option("--below", text="With --group: also in the groups below it.")]

CONNECTION: Final[dict[str, tuple[Any, Any]]] = {
    "organization": (
        Annotated[
            str,
            Option(
                "--organization", "-o",
                metavar="ORG", variables=("MEGAROUTER_ORGANIZATION",), text="The organization. Default: your current account.",
            ),
        ],
        "",
    ),
    "address": (
        Annotated[
            str,
            Option(
                metavar="HOST:PORT", variables=("MEGAROUTER_ADMIN_ADDRESS", "MEGAROUTER_ADMIN_URL"),
                text="Address of the admin API; also https://HOST:PORT.",
            ),
        ],
        "",
    ),
    "token_file": (
        Annotated[Path | None, Option(metavar="FILE", text="File with the access token. Default: MEGAROUTER_ADMIN_TOKEN.")],
        None,
    ),
    "json": (Annotated[bool, Option("--json", text="Print JSON: one object or one array.")], False),
}  # fmt: skip


class RoleChoice(enum.StrEnum):
    """Roles as people write them."""

    SUPER_ADMIN = "super-admin"
    L1_ADMIN = "l1-admin"
    SUB_ADMIN = "sub-admin"
    MEMBER = "member"

    def value_of_api(self) -> Role.ValueType:
        """The role as the API has it."""
        return Role.Value(f"ROLE_{self.name}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a command takes."""

    REQUIRED: ClassVar = inspect.Parameter.empty

    name: str
    annotation: Any
    """Its type."""
    declaration: Option | Argument
    default: Any


@dataclass(frozen=True)
class Command:
    """A command, before its command line is read."""

    name: str
    function: Callable[..., None]
    """Of a session and of what the command's own options say."""
    examples: tuple[str, ...]
    """Lines for its help, without the `megarouter` in front."""

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its own, then those of the connection, which every command has."""
        own = list(inspect.signature(self.function, eval_str=True).parameters.values())[1:]
        return (
            *(_parameter(one.name, one.annotation, one.default) for one in own),
            *(_parameter(name, annotation, default) for name, (annotation, default) in CONNECTION.items()),
        )


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:  # noqa: ANN401 - any type, of which the default is
    kind, declaration = get_args(annotation)
    return Parameter(name, kind, declaration, default)


Perform = Callable[[Command, Mapping[str, Any]], int]
"""Carries out a command with the values of its parameters; gives the exit status. A ValueError is a misuse."""


@dataclass(frozen=True, slots=True)
class Section:
    """Commands that belong together."""

    commands: dict[str, Command] = field(default_factory=dict)


def command(section: Section, name: str, *examples: str) -> Callable[[Function], Function]:
    """Declares a command: a function of a session and of what its own options say.

    Args:
        section: what it belongs to.
        name: what it is called there.
        examples: lines for its help, without the `megarouter` in front.
    """

    def declare(function: Function) -> Function:
        section.commands[name] = Command(name, function, examples)
        return function

    return declare


def confirm(question: str, *, yes: bool) -> None:
    """Asks before a destructive action.

    Raises:
        DeclinedError: the answer is no.
        ValueError: no terminal can answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ValueError("cannot ask for confirmation without a terminal: use --yes")
    # Imported here: whoever must answer first does not notice.
    import typer  # noqa: PLC0415

    _answered(lambda: typer.confirm(question, abort=True, err=True))


def ask_for_secret(question: str) -> str:
    """Asks for a text that the terminal does not show.

    Raises:
        DeclinedError: the user gives no answer.
    """
    import typer  # noqa: PLC0415 - see `confirm`

    return str(_answered(lambda: typer.prompt(question, hide_input=True, err=True)))


def _answered(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is asked for
    import typer  # noqa: PLC0415 - see `confirm`

    try:
        return ask()
    except typer.Abort:
        raise DeclinedError from None


def label(name: str, prefix: str) -> str:
    """The name of an enum value for people: `ROLE_SUPER_ADMIN` is `super-admin`."""
    text = name.removeprefix(prefix).lower().replace("_", "-")
    return "" if text == "unspecified" else text


def role(value: Role.ValueType) -> str:
    """A role for people, as `RoleChoice` writes it."""
    return label(Role.Name(value), "ROLE_")
