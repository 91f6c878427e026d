"""What to run, and where: read once from a command line, then taken whole by everything that needs a part of it."""

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
    """One stack."""

    home: Home
    ports: Ports
    """With the number of workers of the services that have them."""
    catalog_file: Path = DEFAULT_CATALOG

    def arguments(self) -> list[str]:
        """The command line of the supervisor."""
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
    """The stack that the values of a command line describe.

    Raises:
        LayoutError: the ports or the workers are out of range.
    """
    return StackSpecification(home_in(home), Ports(port_base, workers), catalog.expanduser().resolve())


def home_in(directory: Path) -> Home:
    """The home that a path on the command line names."""
    return Home(directory.expanduser().resolve())


def parse_specification(arguments: Sequence[str]) -> StackSpecification:
    """The reverse of `StackSpecification.arguments`."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.supervision.supervise")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port-base", type=int, required=True)
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--workers", type=int, required=True)
    return specified(**vars(parser.parse_args(arguments)))
