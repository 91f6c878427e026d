"""Records that are made for every call: `@record(frozen=True, slots=True)` instead of `@dataclass(frozen=True, slots=True)`.

To the type checker it is the same: an assignment to a field is an error, which is where it is found. At runtime nothing stands in
its way, because the guard of a frozen dataclass makes each field cost three times as much: a tenth of a decision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, slots: bool = False, eq: bool = True) -> Callable[[type], type]:
        """A dataclass whose instances are values: equal and hashed by their fields."""
        assert frozen  # noqa: S101 - what it is for
        return dataclass(slots=slots, eq=eq, unsafe_hash=eq)


__all__ = ["record"]
