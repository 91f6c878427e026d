"""Copies figures from counters to standings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for

_BEHIND: Final = """
SELECT h.organization_id FROM ledger_heads h LEFT JOIN standing_positions p ON p.organization_id = h.organization_id
 WHERE h.sequence > coalesce(p.sequence, 0) AND h.organization_id > $1
 ORDER BY h.organization_id LIMIT $2
"""
_BEGIN: Final = "INSERT INTO standing_positions (organization_id) VALUES ($1) ON CONFLICT DO NOTHING"
# Whoever does not get the position leaves the work to the one who has it.
_CLAIM: Final = """
SELECT p.sequence, h.sequence AS head
  FROM standing_positions p JOIN ledger_heads h ON h.organization_id = p.organization_id
 WHERE p.organization_id = $1 FOR UPDATE OF p SKIP LOCKED
"""
_ADVANCE: Final = "UPDATE standing_positions SET sequence = $2 WHERE organization_id = $1"

# Skips rows that a change of the organization has locked: the two would lock rows in different orders and end in a deadlock.
# The locked rows are the newest. A counter that the change of a cycle has just begun may not be visible to this statement; then
# the row stays as the change wrote it. Names of counters are computed apart from the join: behind row-level security, PostgreSQL
# uses an index only for operators that are known to leak nothing. The last use is that of calls that count, as in `scope_spend`.
_COPY: Final = """
WITH used AS MATERIALIZED (
    SELECT member_id, api_key_id, max(place_time) FILTER (WHERE outcome <> 'VOIDED') AS use_time
      FROM usage_records WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3 GROUP BY 1, 2
    UNION ALL
    SELECT u.member_id, u.api_key_id, NULL
      FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
     WHERE c.organization_id = $1 AND c.sequence > $2 AND c.sequence <= $3
), touched AS MATERIALIZED (
    SELECT k.counter_kind, k.kind, CASE k.counter_kind WHEN 'member' THEN u.member_id ELSE u.api_key_id END AS id,
           max(u.use_time) AS use_time
      FROM used u, (VALUES ('member', 'member'), ('member', 'service_account'), ('api_key', 'api_key')) AS k (counter_kind, kind)
     GROUP BY 1, 2, 3
), present AS MATERIALIZED (
    SELECT t.counter_kind, s.kind, s.id, t.use_time FROM touched t
      JOIN standings s ON s.organization_id = $1 AND s.kind = t.kind AND s.id = t.id
), claimed AS MATERIALIZED (
    SELECT p.counter_kind, p.use_time, s.* FROM present p
      JOIN standings s ON s.organization_id = $1 AND s.kind = p.kind AND s.id = p.id
       FOR UPDATE OF s SKIP LOCKED
), starts AS MATERIALIZED (
    SELECT extract(epoch FROM cycle_start_at('DAILY', time_zone, now()))::bigint AS daily,
           extract(epoch FROM cycle_start_at('WEEKLY', time_zone, now()))::bigint AS weekly,
           extract(epoch FROM cycle_start_at('MONTHLY', time_zone, now()))::bigint AS monthly
      FROM organizations WHERE organization_id = $1
), sought AS MATERIALIZED (
    SELECT c.*, b.start, concat_ws(':', c.counter_kind, c.id, c.cycle, b.start, c.revision) AS counter
      FROM claimed c
     CROSS JOIN LATERAL (SELECT CASE c.cycle WHEN 'DAILY' THEN daily WHEN 'WEEKLY' THEN weekly WHEN 'MONTHLY' THEN monthly
                                ELSE 0 END AS start FROM starts) AS b
), figures AS MATERIALIZED (
    SELECT c.kind, c.id, greatest(c.last_use_time, c.use_time) AS last_use_time,
           CASE WHEN s.counter IS NULL THEN c.period_start ELSE c.start END AS period_start,
           coalesce(s.settled_nano_credits, c.spent_nano_credits) AS spent, coalesce(s.call_count, c.call_count) AS calls
      FROM sought c LEFT JOIN scope_spend s ON s.organization_id = $1 AND s.counter = c.counter
), changed AS (
    UPDATE standings t
       SET period_start = f.period_start, spent_nano_credits = f.spent, call_count = f.calls, last_use_time = f.last_use_time
      FROM figures f
     WHERE t.organization_id = $1 AND t.kind = f.kind AND t.id = f.id
       AND (t.period_start, t.spent_nano_credits, t.call_count, t.last_use_time)
           IS DISTINCT FROM (f.period_start, f.spent, f.calls, f.last_use_time)
    RETURNING 1
)
SELECT (SELECT count(*) FROM present) = (SELECT count(*) FROM claimed) AS is_complete, (SELECT count(*) FROM changed) AS changed
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction did."""

    sequence: int
    """The new position."""
    head: int
    """The end of the ledger."""
    is_complete: bool
    """False if another transaction had locked a standing. The position stays, and the step is repeated."""


class StandingStore:
    """The standings of every organization."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def behind(self, after: str, limit: int) -> Sequence[str]:
        """Returns a page of the organizations whose ledger is ahead of their standings, by id."""
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            return [row["organization_id"] for row in await connection.fetch(_BEHIND, after, limit)]

    async def advance(self, organization: str, most: int) -> Step | None:
        """Copies the figures of everyone in at most `most` events. Repeating that changes nothing.

        Returns None if another process is doing so.
        """
        async with acting_for(self._pool, organization) as connection:
            claimed = await connection.fetchrow(_CLAIM, organization)
            if claimed is None:
                await connection.execute(_BEGIN, organization)
                claimed = await connection.fetchrow(_CLAIM, organization)
            if claimed is None:
                return None
            before, head = claimed
            upto = min(before + most, head)
            is_complete = bool(await connection.fetchval(_COPY, organization, before, upto))
            if is_complete:
                await connection.execute(_ADVANCE, organization, upto)
        return Step(upto if is_complete else before, head, is_complete)
