"""`./dev lint`: the static checks."""

import subprocess
import sys
from typing import Final

from megarouter_envoy.module import SOURCES as MODULE_SOURCES
from megarouter_envoy.module import ModuleNotBuiltError, find_compiler

from deploy.local.cli.options import fail
from deploy.local.cli.terminal import console
from deploy.local.stack.layout import REPOSITORY

_MODULES: Final = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))


def lint() -> None:
    """Run the static checks: ruff, formatting and types, also those of the console once it was built here."""
    try:
        zig_format = (str(find_compiler()), "fmt", "--check", str(MODULE_SOURCES.relative_to(REPOSITORY)))
    except ModuleNotBuiltError as error:
        raise fail(str(error)) from error
    failed = []
    for command in (*((sys.executable, "-m", *module) for module in _MODULES), zig_format):
        result = subprocess.run(command, cwd=REPOSITORY, check=False)
        if result.returncode != 0:
            failed.append(" ".join(command))
    if not _console_types_are_right():
        failed.append("tsc")
    if failed:
        raise fail("failed: " + "; ".join(failed))


def _console_types_are_right() -> bool:
    """Checks them if the packages of the console are installed. `./dev console --build` installs them."""
    # Imported here: only developers have the packages that these modules need.
    from tools.console import building  # noqa: PLC0415
    from tools.sdk import ClientError  # noqa: PLC0415

    try:
        if building.is_prepared():
            building.check()
    except ClientError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return False
    return True
