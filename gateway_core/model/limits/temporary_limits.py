"""Limits that are in force until an instant, in place of a guardrail's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

REPLACED: Final = ("budget_nano_credits", "requests_per_minute", "tokens_per_minute", "concurrency_limit")
"""The limits of a guardrail that may be replaced."""

_US_PER_S: Final = 1_000_000
_END: Final = "end_us"


@dataclass(frozen=True, slots=True)
class TemporaryLimit:
    """The replaced limits. None leaves the guardrail's own in force."""

    end_epoch_us: int
    """The first instant at which the guardrail's own limits are in force again, in microseconds."""
    budget_nano_credits: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency_limit: int | None = None

    @property
    def end_epoch_s(self) -> float:
        """The end in seconds."""
        return self.end_epoch_us / _US_PER_S

    @property
    def values(self) -> dict[str, int]:
        """The limits that it replaces, by name."""
        named = ((name, getattr(self, name)) for name in REPLACED)
        return {name: value for name, value in named if value is not None}

    def stored(self) -> dict[str, int]:
        """Returns the JSON object that `guardrails.temporary_limit` stores."""
        return {_END: self.end_epoch_us, **self.values}


def temporary_limit_of(stored: Mapping[str, Any]) -> TemporaryLimit:
    """Returns the limit of a stored JSON object: the inverse of `TemporaryLimit.stored`."""
    values = {name: int(stored[name]) for name in REPLACED if name in stored}
    return TemporaryLimit(int(stored[_END]), **values)
