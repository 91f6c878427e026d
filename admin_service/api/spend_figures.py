"""Spend and budget of the current cycle, as every resource with a guardrail shows them."""

from typing import Protocol


class SpendRow(Protocol):
    """A stored resource with its figures."""

    @property
    def spent_nano_credits(self) -> int:
        """What its calls cost in the current cycle."""

    @property
    def budget_nano_credits(self) -> int | None:
        """What they may cost; None without a budget."""

    @property
    def carried_nano_credits(self) -> int:
        """What is carried into the cycle, in addition to the budget."""


class SpendMessage(Protocol):
    """A resource of the API with these fields."""

    spent_nano_credits: int
    budget_nano_credits: int
    carried_nano_credits: int


def set_spend(message: SpendMessage, row: SpendRow) -> None:
    """Sets spend, budget and carry of a resource. Without a budget, that field stays unset."""
    message.spent_nano_credits = row.spent_nano_credits
    message.carried_nano_credits = row.carried_nano_credits
    if row.budget_nano_credits is not None:
        message.budget_nano_credits = row.budget_nano_credits
