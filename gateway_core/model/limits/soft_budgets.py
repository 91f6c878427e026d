"""Thresholds at which a budget is reported although nothing is stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class PercentOfBudget(NamedTuple):
    """A threshold that grows with what is carried into the period."""

    percent: int
    budget_nano_credits: int

    def threshold(self, carried_nano_credits: int) -> int:
        """Returns the spend at which the budget is reported, rounded up."""
        return -(-(self.budget_nano_credits + carried_nano_credits) * self.percent // 100)


@dataclass(frozen=True, slots=True)
class SoftBudget:
    """When a budget is reported: at a share of it, or at an amount. Neither if it only refuses nothing."""

    percent: int | None = None
    amount_nano_credits: int | None = None
    soft_only: bool = False
    """Whether the budget refuses nothing."""

    def threshold(self, budget_nano_credits: int | None) -> int | None:
        """Returns the spend at which the budget is reported, rounded up; None if it is not."""
        if self.amount_nano_credits is not None or self.percent is None or budget_nano_credits is None:
            return self.amount_nano_credits
        return -(-budget_nano_credits * self.percent // 100)

    def stored(self) -> dict[str, Any]:
        """Returns the JSON object that `guardrails.soft_budget` stores."""
        fields = {"percent": self.percent, "amount": self.amount_nano_credits, "soft_only": self.soft_only or None}
        return {name: value for name, value in fields.items() if value is not None}


def threshold_of(
    soft: SoftBudget | None, budget_nano_credits: int | None, *, carries_over: bool
) -> int | PercentOfBudget | None:
    """Returns the spend at which a budget is reported; None if it is not."""
    if soft is None:
        return None
    if carries_over and soft.percent is not None and budget_nano_credits is not None:
        return PercentOfBudget(soft.percent, budget_nano_credits)
    return soft.threshold(budget_nano_credits)


def soft_budget_of(stored: Mapping[str, Any]) -> SoftBudget:
    """Returns the soft budget of a stored JSON object: the inverse of `SoftBudget.stored`."""
    return SoftBudget(stored.get("percent"), stored.get("amount"), bool(stored.get("soft_only")))
