"""How a command declares what it takes, without the library that writes its help: `Annotated[str, Option(...)]`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, init=False)
class Option:
    """An option of a command. Its type and default stand in the signature: bool is a flag, list[str] may be repeated."""

    names: tuple[str, ...]
    """Such as `--limit` and `-l`. Without any: the parameter's own name."""
    text: str
    """Its line in the help."""
    metavar: str | None
    """What the help calls its value."""
    minimum: int | None
    variables: tuple[str, ...]
    """Environment variables that stand in for it; the first that is set counts."""

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
        """What may stand on the command line for it."""
        return self.names or (f"--{parameter.replace('_', '-')}",)


@dataclass(frozen=True, slots=True)
class Argument:
    """A value that a command takes by its place."""

    metavar: str
    text: str
    """Its line in the help."""
