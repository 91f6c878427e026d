"""Records that are created for every call: `@record(frozen=True, slots=True)` instead of `@dataclass(frozen=True,
slots=True)`.

The type checker treats both alike and reports an assignment to a field. At runtime nothing prevents the assignment,
because the guard of a frozen dataclass makes setting each field cost three times as much: a tenth of a decision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, slots: bool = False, eq: bool = True) -> Callable[[type], type]:
        """Makes a dataclass whose instances are values: equal and hashed by their fields."""
        assert frozen  # noqa: S101 - what it is for
        return dataclass(slots=slots, eq=eq, unsafe_hash=eq)


__all__ = ["record"]
