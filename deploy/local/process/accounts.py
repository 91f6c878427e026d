"""The account of each program, if root runs the stack."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.process.privilege import Account, service_account

_NO_HOME: Final = "/nonexistent"
"""Libraries look for their files in HOME, and fail if they may not enter it."""


def python_account(environment: Mapping[str, str]) -> Account | None:
    """Returns the account for a service: it reads the interpreter, the code, and the files that its variables name."""
    named = (Path(value) for value in environment.values() if value.startswith("/") and "\0" not in value)
    return service_account([*_python_paths(), *(path for path in named if path.is_file())])


def _python_paths() -> tuple[Path, ...]:
    paths = (sys.executable, sys.prefix, sys.base_prefix, *(path for path in sys.path if path))
    return (Path(__file__), *(Path(path) for path in paths))


def for_account(environment: Mapping[str, str], account: Account | None) -> Mapping[str, str]:
    """Returns the environment for a program of this account."""
    return environment if account is None else {**environment, "HOME": _NO_HOME}
