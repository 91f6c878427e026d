"""What all commands have in common: how they are declared, connected, confirmed, and what they say of enums."""

import datetime as dt
import enum
import inspect
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Final, ParamSpec

import typer
from megarouter.type.v1.role_pb2 import Role

from megarouter_admin.command_line.session import Connection, Session, open_session

Parameters = ParamSpec("Parameters")

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Maximum number of rows; 0 for all.")]
FilterOption = Annotated[str, typer.Option("--filter", metavar="TEXT", help="Filter of the API (AIP-160).")]
GroupOption = Annotated[str, typer.Option("--group", metavar="GROUP", help="Only in this group.")]
BelowOption = Annotated[bool, typer.Option("--below", help="With --group: also in the groups below it.")]

_CONNECTION: Final[dict[str, tuple[Any, Any]]] = {
    "organization": (
        Annotated[
            str,
            typer.Option(
                "--organization", "-o",
                metavar="ORG", envvar="MEGAROUTER_ORGANIZATION", help="The organization. Default: your current account.",
            ),
        ],
        "",
    ),
    "address": (
        Annotated[
            str,
            typer.Option(
                metavar="HOST:PORT", envvar=["MEGAROUTER_ADMIN_ADDRESS", "MEGAROUTER_ADMIN_URL"],
                help="Address of the admin API; also https://HOST:PORT.",
            ),
        ],
        "",
    ),
    "token_file": (
        Annotated[Path | None, typer.Option(metavar="FILE", help="File with the access token. Default: MEGAROUTER_ADMIN_TOKEN.")],
        None,
    ),
    "json": (Annotated[bool, typer.Option("--json", help="Print JSON: one object or one array.")], False),
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


def section(name: str, help_text: str) -> typer.Typer:
    """A group of commands. Without a name of its own: the program."""
    return typer.Typer(
        name=name,
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )


def command(
    application: typer.Typer, name: str, *examples: str
) -> Callable[[Callable[Concatenate[Session, Parameters], None]], Callable[..., None]]:
    """Declares a command: a function of a session and of what its own options say.

    Args:
        application: the group it belongs to.
        name: what it is called there.
        examples: lines for its help, without the `megarouter` in front.
    """

    def declare(function: Callable[Concatenate[Session, Parameters], None]) -> Callable[..., None]:
        @wraps(function)
        def run(**arguments: Any) -> None:  # noqa: ANN401 - as typer calls it
            connection = Connection(**{option: arguments.pop(option) for option in _CONNECTION})
            try:
                with open_session(connection, dt.datetime.now(dt.UTC)) as session:
                    function(session, **arguments)  # type: ignore[call-arg] # typer kept to the signature
            except ValueError as misused:
                raise typer.BadParameter(str(misused)) from misused

        signature = _with_connection(function)
        run.__signature__ = signature  # type: ignore[attr-defined] # read by inspect
        run.__annotations__ = {option: one.annotation for option, one in signature.parameters.items()}
        application.command(name, epilog=_epilog(examples))(run)
        return run

    return declare


def _with_connection(function: Callable[..., None]) -> inspect.Signature:
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    common = [
        inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for option, (annotation, default) in _CONNECTION.items()
    ]
    return inspect.Signature([*own, *common])


def _epilog(examples: Sequence[str]) -> str | None:
    # \b: lines stay as they are.
    return "\b\nExamples:\n" + "\n".join(f"  megarouter {example}" for example in examples) if examples else None


def confirm(question: str, *, yes: bool) -> None:
    """Asks before a destructive action.

    Raises:
        typer.Abort: the answer is no.
        typer.BadParameter: no terminal can answer.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("cannot ask for confirmation without a terminal: use --yes")
    typer.confirm(question, abort=True, err=True)


def label(name: str, prefix: str) -> str:
    """The name of an enum value for people: `ROLE_SUPER_ADMIN` is `super-admin`."""
    text = name.removeprefix(prefix).lower().replace("_", "-")
    return "" if text == "unspecified" else text


def role(value: Role.ValueType) -> str:
    """A role for people, as `RoleChoice` writes it."""
    return label(Role.Name(value), "ROLE_")
