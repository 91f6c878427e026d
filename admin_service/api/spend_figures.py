"""Spend and budget of the current cycle, as every resource with a guardrail shows them."""

from typing import Final, Protocol

PRESENT_CYCLES: Final = """
(SELECT o.organization_id, c.cycle, extract(epoch FROM cycle_start(c.cycle, o.time_zone))::bigint AS start
   FROM organizations o CROSS JOIN (VALUES ('NEVER'), ('DAILY'), ('WEEKLY'), ('MONTHLY')) AS c (cycle) OFFSET 0)
"""
"""Trusted SQL: the present period of each cycle, to join the counters of many scopes. OFFSET keeps it computed once."""


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
