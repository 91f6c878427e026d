"""What operators read and write of organizations. `organization_summaries` in the schema looks through the wall."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

SUMMARY_COLUMNS: Final = """
s.organization_id, s.display_name, s.kind, s.state, s.is_blocked, s.balance_nano_credits, s.topped_up_nano_credits,
s.adjusted_nano_credits, s.spent_nano_credits, s.line_nano_credits, s.used_nano_credits, s.pending_request_count, s.create_time
"""
SUMMARIES: Final = "organization_summaries_beyond({last}, {most}, {descending})"
_ONE: Final = f"SELECT {SUMMARY_COLUMNS} FROM organization_summaries($1) s"  # noqa: S608
_SUSPEND: Final = """
UPDATE organizations SET state = CASE state WHEN 'DELETED' THEN state ELSE 'SUSPENDED' END,
       suspend_time = coalesce(suspend_time, now()), is_blocked = true, update_time = clock_timestamp()
 WHERE organization_id = $1
"""
_RESTORE: Final = """
UPDATE organizations SET state = CASE state WHEN 'DELETED' THEN state ELSE 'ACTIVE' END,
       suspend_time = NULL, is_blocked = false, update_time = clock_timestamp()
 WHERE organization_id = $1
"""
_ADD_GRANT: Final = """
INSERT INTO credit_grants (organization_id, credit_grant_id, user_id, amount_nano_credits, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """The sums of an organization. Amounts are in nano-credits."""

    organization: str
    display_name: str
    kind: str
    state: str
    is_blocked: bool
    balance: int
    topped_up: int
    adjusted: int
    spent: int
    line: int | None
    used: int
    pending_requests: int
    create_time: dt.datetime

    @property
    def is_suspended(self) -> bool:
        """Whether it is suspended, and not only deleted."""
        return self.state == "SUSPENDED" or self.is_blocked


async def get_summary(connection: Connection, organization: str) -> SummaryRow | None:
    """Returns the summary of an organization, or None if there is none."""
    row = await connection.fetchrow(_ONE, organization)
    return SummaryRow(*row) if row else None


async def suspend(connection: Connection, organization: str) -> None:
    """Suspends an organization until `restore`. A deleted one is suspended when it is undeleted."""
    await connection.execute(_SUSPEND, organization)


async def restore(connection: Connection, organization: str) -> None:
    """Ends a suspension."""
    await connection.execute(_RESTORE, organization)


async def add_grant(
    connection: Connection, organization: str, grant: str, *, operator: str, amount_nano_credits: int, reason: str
) -> None:
    """Stores a grant, the authority for its transfer. Storing it again changes nothing."""
    await connection.execute(_ADD_GRANT, organization, grant, operator, amount_nano_credits, reason)
