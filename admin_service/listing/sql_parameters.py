"""Builds statements from trusted SQL text and values. Values are always numbered parameters."""

from dataclasses import dataclass


class Parameters:
    """The values of a statement under construction."""

    def __init__(self) -> None:
        self._values: list[object] = []

    def add(self, value: object) -> str:
        """Adds a value and returns its placeholder, such as `$3`."""
        self._values.append(value)
        return f"${len(self._values)}"

    @property
    def values(self) -> tuple[object, ...]:
        """The values in the order of their numbers."""
        return tuple(self._values)


@dataclass(frozen=True, slots=True, init=False)
class Condition:
    """A trusted SQL condition with `{}` for each value, such as `Condition("k.member_id = {}", member)`."""

    text: str
    values: tuple[object, ...]

    def __init__(self, text: str, *values: object) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "values", values)

    def sql(self, parameters: Parameters) -> str:
        """Returns the condition with placeholders for its values."""
        return self.text.format(*(parameters.add(value) for value in self.values))
