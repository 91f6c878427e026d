"""The third-party clients of `tests/clients/clients.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.support.repository import ROOT

FOLDER: Final = ROOT / "tests" / "clients"


class Language(StrEnum):
    """What a client runs on."""

    PYTHON = "python"
    NODE = "node"


class Age(StrEnum):
    """Which of the two ranges of versions."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, eq=False)
class Client:
    """One client in one range of versions."""

    name: str
    age: Age
    language: Language
    requirements: tuple[str, ...]
    program: str
    """A module in `programs`, or the command of a command-line client."""
    python: str | None
    """The versions of Python that it supports; None: that of the suite."""
    charged: tuple[str, ...]
    free: tuple[str, ...]
    refusals: Mapping[str, str]
    """What is wrong with a call, and the exception for it."""

    def __str__(self) -> str:
        return f"{self.name}-{self.age}"


def all_clients() -> list[Client]:
    """Returns every client of the table in its ranges of versions."""
    table = tomllib.loads((FOLDER / "clients.toml").read_text(encoding="utf-8"))
    return [_client(name, age, row) for name, row in table.items() for age in Age if age in row]


def versions_of(name: str) -> list[Client]:
    """Returns a client in its ranges of versions, the oldest first."""
    return [client for client in all_clients() if client.name == name]


def _client(name: str, age: Age, row: dict[str, object]) -> Client:
    def texts(field: str) -> tuple[str, ...]:
        values = row.get(field, [])
        assert isinstance(values, list)
        return tuple(map(str, values))

    refusals = row.get("refusals", {})
    assert isinstance(refusals, dict)
    return Client(
        name=name,
        age=age,
        language=Language(str(row["language"])),
        requirements=texts(age),
        program=str(row["program"]),
        python=str(row["python"]) if "python" in row else None,
        charged=texts("charged"),
        free=texts("free"),
        refusals=refusals,
    )
