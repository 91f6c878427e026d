"""Reads the state of budgets and of the credit pool, as far as a reader may see them."""

from typing import Final

from admin_service.analytics.query import Reach
from admin_service.analytics.reports.report import Budget
from gateway_core.stores.postgres.connections import Connection

MOST: Final = 12
_BUDGETS: Final = """
SELECT r.scope_kind, r.scope_id, coalesce(g.display_name, m.display_name, '') AS name, r.cycle,
       s.budget_nano_credits + s.carried_nano_credits AS budget, s.spent_nano_credits AS spent
  FROM guardrails r
  LEFT JOIN groups g ON r.scope_kind = 'group' AND g.organization_id = r.organization_id AND g.group_id = r.scope_id
  LEFT JOIN LATERAL (SELECT n.display_name FROM usage_names n
                      WHERE r.scope_kind = 'member' AND n.organization_id = r.organization_id AND n.kind = 'member'
                        AND n.id = r.scope_id ORDER BY n.valid_from DESC LIMIT 1) m ON true
 CROSS JOIN LATERAL present_spend(r.organization_id, r.scope_kind, r.scope_id) s
 WHERE r.organization_id = $1 AND r.budget_nano_credits IS NOT NULL
   AND CASE WHEN $3::text IS NOT NULL THEN r.scope_kind = 'member' AND r.scope_id = $3
            WHEN $2::text IS NOT NULL THEN r.scope_kind = 'group' AND $2 = ANY (g.path) AND g.delete_time IS NULL
            ELSE r.scope_kind = 'organization' OR r.scope_kind = 'group' AND g.delete_time IS NULL END
 ORDER BY r.scope_kind <> 'organization',
       s.spent_nano_credits::numeric / greatest(s.budget_nano_credits + s.carried_nano_credits, 1) DESC, r.scope_id
 LIMIT $4
"""
_BALANCE: Final = (
    "SELECT balance_nano_credits FROM ledger_accounts WHERE organization_id = $1 AND account = 'CREDIT_POOL'"
)


async def read_budgets(connection: Connection, organization: str, reach: Reach) -> tuple[Budget, ...]:
    """Returns the organization's budget, then those of groups that are used most; of a member only their own."""
    rows = await connection.fetch(_BUDGETS, organization, reach.group, reach.member, MOST)
    return tuple(Budget(*row) for row in rows)


async def read_balance(connection: Connection, organization: str, reach: Reach) -> int | None:
    """Returns what is left in the credit pool, which may be below zero; None if the reader sees only a part of the organization."""
    if reach != Reach():
        return None
    balance = await connection.fetchval(_BALANCE, organization)
    return None if balance is None else int(balance)
