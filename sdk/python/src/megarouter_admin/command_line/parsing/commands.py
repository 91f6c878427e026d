"""What all commands share: their declaration, the connection options, confirmation, and labels for enum values."""

import enum
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Concatenate, Final, TypeVar, get_args

from megarouter_admin.command_line.command_errors import DeclinedError
from megarouter_admin.command_line.parsing.options import Argument, Option

if TYPE_CHECKING:
    # Only for types: the help of the program loads no protobuf.
    from megarouter.type.v1.role_pb2 import Role

    from megarouter_admin.command_line.session import Session

_LONGEST_SECRET: Final = 64 * 1024

Function = TypeVar("Function", bound="Callable[Concatenate[Session, ...], None]")

YesOption = Annotated[bool, Option("--yes", "-y", text="Do not ask for confirmation.")]
LimitOption = Annotated[int, Option("--limit", metavar="N", minimum=0, text="Maximum number of rows; 0 for all.")]
FilterOption = Annotated[str, Option("--filter", metavar="TEXT", text="Filter of the API (AIP-160).")]
SinceOption = Annotated[str, Option(metavar="WHEN", text="Only from this time on, such as 2026-11-01.")]
GroupOption = Annotated[str, Option("--group", metavar="GROUP", text="Only in this group.")]
UnknownModelsOption = Annotated[
    bool, Option("--allow-unknown-models", text="Accept entries that match no model, for models still to come.")
]
BelowOption = Annotated[bool, Option("--below", text="With --group: also in the groups below it.")]

ReverseOption = Annotated[
    bool, Option("--reverse", text="Reverse the order: the smallest, the oldest or the last name first.")
]

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
        Annotated[
            Path | None,
            Option(
                metavar="FILE",
                text="File with the access token. Default: MEGAROUTER_ADMIN_TOKEN, otherwise your `megarouter login`.",
            ),
        ],
        None,
    ),
    "json": (Annotated[bool, Option("--json", text="Print JSON: one object or one array.")], False),
}  # fmt: skip


class RoleChoice(enum.StrEnum):
    """Roles as people write them on the command line."""

    SUPER_ADMIN = "super-admin"
    L1_ADMIN = "l1-admin"
    SUB_ADMIN = "sub-admin"
    MEMBER = "member"

    def value_of_api(self) -> "Role.ValueType":
        """Returns the role as the API's enum value."""
        from megarouter.type.v1.role_pb2 import Role  # noqa: PLC0415 - see the imports

        return Role.Value(f"ROLE_{self.name}")


RoleOption = Annotated[
    RoleChoice, Option("--role", metavar="ROLE", text="The role: super-admin, l1-admin, sub-admin or member.")
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option or argument of a command."""

    REQUIRED: ClassVar = inspect.Parameter.empty
    """The `default` of a parameter that has none."""

    name: str
    annotation: Any
    """The type of its value."""
    declaration: Option | Argument
    default: Any


@dataclass(frozen=True)
class Command:
    """A declared command."""

    name: str
    function: Callable[..., None]
    """Takes a session, then the values of the command's own parameters."""
    examples: tuple[str, ...]
    """Example command lines for its help, without the leading `megarouter`."""
    needs_token: bool = True
    """Whether the caller must be signed in. Commands that sign in or out need no token."""

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The command's own parameters, then the connection options, which every command has."""
        own = list(inspect.signature(self.function, eval_str=True).parameters.values())[1:]
        return (
            *(_parameter(one.name, one.annotation, one.default) for one in own),
            *(_parameter(name, annotation, default) for name, (annotation, default) in CONNECTION.items()),
        )


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:  # noqa: ANN401 - the default is of the annotated type
    kind, declaration = get_args(annotation)
    return Parameter(name, kind, declaration, default)


Perform = Callable[[Command, Mapping[str, Any]], int]
"""Executes a command with the values of its parameters and returns the exit status. Raises ValueError if they are unusable."""


@dataclass(frozen=True, slots=True)
class Section:
    """A group of commands, such as `megarouter keys`."""

    commands: dict[str, Command] = field(default_factory=dict)


def command(section: Section, name: str, *examples: str, needs_token: bool = True) -> Callable[[Function], Function]:
    """Declares a command. The decorated function takes a session, then the values of the command's own parameters.

    Args:
        section: the section to add the command to.
        name: its name in the section.
        examples: example command lines for its help, without the leading `megarouter`.
        needs_token: whether the caller must be signed in.
    """

    def declare(function: Function) -> Function:
        section.commands[name] = Command(name, function, examples, needs_token)
        return function

    return declare


def confirm(question: str, *, yes: bool) -> None:
    """Asks before a destructive action.

    Raises:
        DeclinedError: the user answers no.
        ValueError: standard input is not a terminal.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ValueError("cannot ask for confirmation without a terminal: use --yes")
    # Imported late: it is slow to load, which no one notices while they answer a question.
    import typer  # noqa: PLC0415

    _answered(lambda: typer.confirm(question, abort=True, err=True))


def ask_for_secret(question: str) -> str:
    """Prompts for a text, which the terminal does not show.

    Raises:
        DeclinedError: the user aborts the prompt.
    """
    import typer  # noqa: PLC0415 - see `confirm`

    return str(_answered(lambda: typer.prompt(question, hide_input=True, err=True)))


def secret_from_input(question: str) -> str:
    """Reads a secret from the standard input, or prompts for it on a terminal. A secret on a command line is seen by others.

    Raises:
        DeclinedError: the user aborts the prompt.
        ValueError: the standard input is empty.
    """
    text = ask_for_secret(question) if sys.stdin.isatty() else sys.stdin.read(_LONGEST_SECRET)
    if not text.strip():
        raise ValueError("the standard input is empty: pass the secret there, for example with < FILE")
    return text.strip()


def _answered(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - the type that `ask` returns
    import typer  # noqa: PLC0415 - see `confirm`

    try:
        return ask()
    except typer.Abort:
        raise DeclinedError from None


def label(name: str, prefix: str) -> str:
    """Returns an enum value's name for people: `super-admin` for `ROLE_SUPER_ADMIN`, empty for `ROLE_UNSPECIFIED`."""
    text = name.removeprefix(prefix).lower().replace("_", "-")
    return "" if text == "unspecified" else text


def role(value: "Role.ValueType") -> str:
    """Returns a role's name for people, spelled as in `RoleChoice`."""
    from megarouter.type.v1.role_pb2 import Role  # noqa: PLC0415 - see the imports

    return label(Role.Name(value), "ROLE_")
