"""Spend and budget of the current cycle, as every resource with a guardrail shows them."""

from typing import Final, Protocol

PRESENT_STARTS: Final = """
(SELECT o.organization_id,
        extract(epoch FROM cycle_start('DAILY', o.time_zone))::bigint AS daily,
        extract(epoch FROM cycle_start('WEEKLY', o.time_zone))::bigint AS weekly,
        extract(epoch FROM cycle_start('MONTHLY', o.time_zone))::bigint AS monthly
   FROM organizations o OFFSET 0)
"""
"""Trusted SQL: when the present period of each cycle began, to join the counters of many scopes. OFFSET keeps it computed once."""


def present_counter(kind: str, scope_id: str) -> str:
    """Returns trusted SQL for the present counter of a scope, whose guardrail is `r` and with `PRESENT_STARTS` as `p`."""
    # One row with all cycles. With a row for each cycle, PostgreSQL expects few rows and looks up the counters one by one.
    start = (
        "CASE r.cycle WHEN 'DAILY' THEN p.daily WHEN 'WEEKLY' THEN p.weekly WHEN 'MONTHLY' THEN p.monthly ELSE 0 END"
    )
    return f"concat_ws(':', '{kind}', {scope_id}, coalesce(r.cycle, 'NEVER'), {start}, coalesce(r.cycle_revision, 0))"


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
