"""Statements put together from parts: text of ours, and values only ever as numbered parameters."""

from dataclasses import dataclass


class Parameters:
    """The values of a statement under construction."""

    def __init__(self) -> None:
        self._values: list[object] = []

    def add(self, value: object) -> str:
        """The placeholder that stands for the value, such as `$3`."""
        self._values.append(value)
        return f"${len(self._values)}"

    @property
    def values(self) -> tuple[object, ...]:
        """In the order of their numbers."""
        return tuple(self._values)


@dataclass(frozen=True, slots=True, init=False)
class Condition:
    """A condition of ours: SQL with `{}` where a value stands, such as `Condition("k.member_id = {}", member)`."""

    text: str
    values: tuple[object, ...]

    def __init__(self, text: str, *values: object) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "values", values)

    def sql(self, parameters: Parameters) -> str:
        """The condition with the placeholders of its values."""
        return self.text.format(*(parameters.add(value) for value in self.values))
