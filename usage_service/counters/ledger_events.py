"""The ledger as Redis follows it: every numbered event of an organization, in order."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from gateway_core.stores.redis.hold_counters import CounterEvent

EVENTS_PER_PAGE: Final = 1_000

# Records and corrections move the pool themselves. Their transfers have the same numbers and are excluded. A page is a
# range of consecutive numbers, so PostgreSQL reads each part by its index, however much lies beyond the page.
_EVENTS: Final = """
SELECT sequence, hold_id, charge_nano_credits AS charge, -charge_nano_credits AS pool_delta,
       counters || coalesce(later_counters, '{}') AS counters,
       input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens + output_tokens + reasoning_tokens AS used,
       coalesce(throttles, '{}') AS throttles
  FROM usage_records WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3
UNION ALL
SELECT c.sequence, NULL, c.delta_nano_credits, -c.delta_nano_credits, u.counters || coalesce(c.later_counters, '{}'), 0, '{}'
  FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
 WHERE c.organization_id = $1 AND c.sequence > $2 AND c.sequence <= $3
UNION ALL
SELECT sequence, NULL, 0,
       CASE 'CREDIT_POOL' WHEN credit_account THEN amount_nano_credits WHEN debit_account THEN -amount_nano_credits ELSE 0 END,
       '{}', 0, '{}'
  FROM ledger_transfers t
 WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3 AND kind <> 'USAGE'
   AND NOT EXISTS (SELECT FROM usage_corrections c WHERE c.organization_id = t.organization_id AND c.sequence = t.sequence)
 ORDER BY sequence
"""


class LedgerEvents:
    """Reads the events of ledgers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def after(self, organization: str, sequence: int) -> Sequence[CounterEvent]:
        """Returns the next page of an organization's events after `sequence`; empty at the end of its ledger."""
        async with acting_for(self._pool, organization) as connection:
            rows = await connection.fetch(_EVENTS, organization, sequence, sequence + EVENTS_PER_PAGE)
        return [
            CounterEvent(
                row["sequence"],
                row["hold_id"],
                row["charge"],
                row["pool_delta"],
                tuple(row["counters"]),
                row["used"],
                tuple(row["throttles"]),
            )
            for row in rows
        ]

    async def heads(self, after_organization: str, limit: int) -> Sequence[tuple[str, int]]:
        """Returns a page of organizations that have events, by id, with their last sequence numbers."""
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            rows = await connection.fetch(
                "SELECT organization_id, sequence FROM ledger_heads WHERE sequence > 0 AND organization_id > $1"
                " ORDER BY organization_id LIMIT $2",
                after_organization,
                limit,
            )
        return [(row["organization_id"], row["sequence"]) for row in rows]
