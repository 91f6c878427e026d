"""What the commands of `./dev` have in common."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.cli.terminal import errors

HomeOption = Annotated[
    Path, typer.Option("--home", metavar="DIR", help="Directory that holds all state.", show_default=".run")
]


def fail(message: str) -> typer.Exit:
    """Prints why a command failed, and returns the exception that ends it."""
    errors.print(f"dev: {message}", markup=False, soft_wrap=True)
    return typer.Exit(1)
