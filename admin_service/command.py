"""`megarouter-admin`: the commands of whoever runs the servers, under one name. `python -m admin_service.NAME` is the same."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

COMMANDS: Final = {
    "doctor": "admin_service.doctor.__main__",
    "first-operator": "admin_service.first_operator.__main__",
    "peppers": "admin_service.peppers.__main__",
}
_USAGE: Final = """\
usage: megarouter-admin COMMAND ...

doctor          examine settings, PostgreSQL, Redis, clocks and disks
first-operator  print a token that operates, where no one can sign in yet
peppers         count the secrets that are hashed with another pepper

`megarouter-admin COMMAND --help` says more. Admins and members use `megarouter`.
"""
_MISUSED: Final = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs the command that the first argument names, and returns its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return 0
    if not given or given[0] not in COMMANDS:
        sys.stderr.write(_USAGE)
        return _MISUSED
    # Only what is called for: the doctor must also run where a package of another command is broken.
    run: Callable[[list[str]], int] = import_module(COMMANDS[given[0]]).main
    return run(given[1:])


if __name__ == "__main__":
    sys.exit(main())
