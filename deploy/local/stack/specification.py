"""What to run and where: parsed once from a command line, then passed whole to everything that needs a part of it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.stack.layout import REPOSITORY, Home, Ports

DEFAULT_HOME: Final = REPOSITORY / ".run"
DEFAULT_CATALOG: Final = REPOSITORY / "deploy" / "catalog" / "catalog.yaml"
DEFAULT_PORT_BASE: Final = 10_000


@dataclass(frozen=True)
class StackSpecification:
    """A stack to run: its directory, its ports and its catalog."""

    home: Home
    ports: Ports
    """Also contains the number of workers."""
    catalog_file: Path = DEFAULT_CATALOG

    def arguments(self) -> list[str]:
        """Returns the command-line arguments for the supervisor."""
        return [
            *("--home", str(self.home.directory), "--port-base", str(self.ports.base)),
            *("--catalog", str(self.catalog_file), "--workers", str(self.ports.workers)),
        ]


def specified(
    home: Path = DEFAULT_HOME,
    port_base: int = DEFAULT_PORT_BASE,
    catalog: Path = DEFAULT_CATALOG,
    workers: int = 1,
) -> StackSpecification:
    """Returns the stack that command-line values describe.

    Args:
        home: the directory of the stack; `~` and relative paths are allowed.
        port_base: the first port.
        catalog: the catalog file; `~` and relative paths are allowed.
        workers: processes of authz_service and of ratelimit_service.

    Raises:
        LayoutError: the ports or the workers are out of range.
    """
    return StackSpecification(home_in(home), Ports(port_base, workers), catalog.expanduser().resolve())


def home_in(directory: Path) -> Home:
    """Returns the home at a path from the command line."""
    return Home(directory.expanduser().resolve())


def parse_specification(arguments: Sequence[str]) -> StackSpecification:
    """Parses the output of `StackSpecification.arguments`.

    Raises:
        LayoutError: see `specified`.
    """
    parser = argparse.ArgumentParser(prog="python -m deploy.local.supervision.supervise")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port-base", type=int, required=True)
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--workers", type=int, required=True)
    return specified(**vars(parser.parse_args(arguments)))
