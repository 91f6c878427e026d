"""The entry point of the program `megarouter`."""

import sys

from megarouter_admin.command_line.application import run


def main() -> None:
    """Runs the command on the command line. The exit status is 0 when done, 1 when refused, 2 when misused."""
    try:
        sys.exit(run(sys.argv[1:]))
    except ModuleNotFoundError as missing:
        if missing.name != "typer":
            raise
        sys.exit(f"megarouter: {missing.name} is not installed. Install it with: pip install 'megarouter-admin[cli]'")
