"""Rollover: what is left of a budget at the end of a period is carried into the next.

A period has its budget and what is carried into it. What is carried is at most a cap and never negative:

    carried = min(cap, max(0, base - used in the period before))
    base    = budget of the period before + what was carried into it

Base and cap are recorded in PostgreSQL once for each period and never change (`open_carry` in the schema). What the
period before has spent and holds is read from its counter at every decision. So a call of that period that is still
open counts in full, and what it does not use is carried as soon as it has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rollover:
    """That a budget carries over. `cap_nano_credits` is the most that is carried; None for one period's budget."""

    cap_nano_credits: int | None = None

    def stored(self) -> dict[str, int]:
        """Returns the JSON object that `guardrails.rollover` stores."""
        return {} if self.cap_nano_credits is None else {"cap": self.cap_nano_credits}

    def most(self, budget_nano_credits: int) -> int:
        """Returns the most that a budget carries."""
        return budget_nano_credits if self.cap_nano_credits is None else self.cap_nano_credits


def rollover_of(stored: Mapping[str, Any]) -> Rollover:
    """Returns the rollover of a stored JSON object: the inverse of `Rollover.stored`."""
    return Rollover(stored.get("cap"))


@dataclass(frozen=True, slots=True)
class Carry:
    """What a period begins with. Amounts are nano-credits."""

    base: int
    cap: int

    def carried(self, used_before: int) -> int:
        """Returns what is carried into the period if the one before has used this much. Same rule: `place.lua`, `carried_of`."""
        return min(self.cap, max(0, self.base - used_before))


NOTHING_CARRIED = Carry(0, 0)
