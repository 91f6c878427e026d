"""Runs the program: finds the command, reads its command line, and executes it."""

import datetime as dt
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from megarouter_admin.command_line.command_errors import CommandError, DeclinedError
from megarouter_admin.command_line.parsing.commands import CONNECTION, Command, Perform
from megarouter_admin.command_line.parsing.quick_parser import quick_values
from megarouter_admin.command_line.sections import PARTS

DONE: Final = 0
REFUSED: Final = 1


def run(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit status: 0 done, 1 refused, 2 misused."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("\nAborted.", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not fail again
    return REFUSED


def _run(arguments: Sequence[str]) -> int:
    part = next((part for part in PARTS if part.name == next(iter(arguments), None)), None)
    if part is None:
        # Imported late because it is slow to load, and a correct command line does not need it.
        from megarouter_admin.command_line.parsing.full_parser import run_program  # noqa: PLC0415

        return run_program(arguments)
    words = arguments[: 2 if part.is_section else 1]
    command = part.load().get(words[-1])
    if command is None:
        from megarouter_admin.command_line.parsing.full_parser import run_section  # noqa: PLC0415

        return run_section(part, arguments[1:], perform)
    return _run_command(command, words, arguments[len(words) :])


def _run_command(command: Command, words: Sequence[str], arguments: Sequence[str]) -> int:
    values = quick_values(command, arguments, os.environ)
    carry_out: Perform = perform
    if values is not None:
        try:
            return perform(command, values)
        except ValueError as misused:
            carry_out = _refusal(misused)
    from megarouter_admin.command_line.parsing.full_parser import run_command  # noqa: PLC0415 - see `_run`

    return run_command(command, words, arguments, carry_out)


def _refusal(misused: ValueError) -> Perform:
    """Returns a `Perform` that raises `misused`, so that the full parser reports it like any other misuse."""

    def refuse(_: Command, __: Mapping[str, Any]) -> int:
        raise misused

    return refuse


def perform(command: Command, values: Mapping[str, Any]) -> int:
    """Executes a command and returns its exit status.

    Raises:
        ValueError: the values on the command line are unusable.
    """
    # Imported late: help needs no session, and reporting a missing address needs no client.
    from megarouter_admin.command_line.session import Connection, endpoint_of, open_session  # noqa: PLC0415

    connection = Connection(**{option: values[option] for option in CONNECTION})
    now = dt.datetime.now(dt.UTC)
    try:
        endpoint = endpoint_of(connection, now, needs_token=command.needs_token)
    except CommandError as error:
        print(f"megarouter: {error}", file=sys.stderr)
        return REFUSED
    from megarouter_admin.command_line.failures import describe  # noqa: PLC0415
    from megarouter_admin.errors import MegaRouterError  # noqa: PLC0415

    own = {name: value for name, value in values.items() if name not in CONNECTION}
    try:
        with open_session(connection, endpoint, now) as session:
            command.function(session, **own)
    except MegaRouterError as error:
        print(describe(error), file=sys.stderr)
    except CommandError as error:
        print(f"megarouter: {error}", file=sys.stderr)
    except DeclinedError:
        print("Aborted.", file=sys.stderr)
    else:
        return DONE
    return REFUSED
