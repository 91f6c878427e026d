"""Declarations of options and arguments, such as `Annotated[str, Option(...)]`, that do not need typer to be loaded."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, init=False)
class Option:
    """An option of a command. The signature gives its type and default: bool is a flag, list[str] may be repeated."""

    names: tuple[str, ...]
    """Spellings such as `--limit` and `-l`. If empty, the option is spelled like its parameter."""
    text: str
    """Its line in the help."""
    metavar: str | None
    """What the help calls its value."""
    minimum: int | None
    """The smallest number allowed."""
    variables: tuple[str, ...]
    """Environment variables that supply a value if the option is absent; the first that is set counts."""

    def __init__(
        self,
        *names: str,
        text: str,
        metavar: str | None = None,
        minimum: int | None = None,
        variables: tuple[str, ...] = (),
    ) -> None:
        for field, value in zip(self.__slots__, (names, text, metavar, minimum, variables), strict=True):
            object.__setattr__(self, field, value)

    def spellings(self, parameter: str) -> tuple[str, ...]:
        """Returns the ways to write the option on the command line, given the name of its parameter."""
        return self.names or (f"--{parameter.replace('_', '-')}",)


@dataclass(frozen=True, slots=True)
class Argument:
    """A positional argument of a command."""

    metavar: str
    """What the help calls its value."""
    text: str
    """Its line in the help."""


def is_negative_number(text: str) -> bool:
    """Returns whether a word of a command line is a number such as `-5` or `-2.50`, which no option is called."""
    return re.fullmatch(r"-[0-9][0-9.]*", text) is not None
