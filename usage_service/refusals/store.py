"""Writes refused calls, and deletes old rows."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import asyncpg

from gateway_core.stores.postgres.ledger_store import columns_of
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.refusals.counts import Refused

# In one order, so that concurrent writers do not wait for each other in a circle. Without organizations that do not exist.
_ADD: Final = """
INSERT INTO refused_calls (organization_id, minute, reason, scope_kind, scope_id, member_id, api_key_id, group_path, call_count)
SELECT a.organization_id, a.minute, a.reason, a.scope_kind, a.scope_id, a.member_id, a.api_key_id,
       string_to_array(a.group_path, ' '), a.call_count
  FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[])
    AS a (organization_id, minute, reason, scope_kind, scope_id, member_id, api_key_id, group_path, call_count)
  JOIN organizations o ON o.organization_id = a.organization_id
 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
ON CONFLICT (organization_id, minute, reason, scope_kind, scope_id, member_id, api_key_id, group_path)
DO UPDATE SET call_count = refused_calls.call_count + excluded.call_count, update_time = now()
"""
_OUTDATED: Final = """
SELECT greatest($1, (SELECT minute FROM refused_calls ORDER BY minute DESC OFFSET $2 LIMIT 1))
"""
_OWNERS: Final = "SELECT DISTINCT organization_id FROM refused_calls WHERE minute < $1 LIMIT 100"
_DELETE: Final = """
DELETE FROM refused_calls WHERE ctid IN (SELECT ctid FROM refused_calls WHERE minute < $1 LIMIT $2) RETURNING 1
"""


class RefusalStore:
    """The table `refused_calls`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, counts: Mapping[Refused, int]) -> None:
        """Adds refused calls in one transaction. Those of organizations that do not exist are left out."""
        rows = [
            (
                refused.call.organization,
                refused.minute,
                refused.call.reason,
                refused.call.scope.kind if refused.call.scope else "",
                refused.call.scope.scope_id if refused.call.scope else "",
                refused.call.member,
                refused.call.api_key,
                " ".join(refused.call.group_path),
                count,
            )
            for refused, count in counts.items()
        ]
        async with acting_for(self._pool, *{refused.call.organization for refused in counts}) as connection:
            await connection.execute(_ADD, *columns_of(rows))

    async def delete_outdated(self, before: dt.datetime, most_rows: int, batch_rows: int) -> int:
        """Deletes at most `batch_rows` rows from before an instant, or beyond the newest `most_rows`. Returns how many.

        Rows of one minute stay together, so somewhat more than `most_rows` may stay.
        """
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            before = await connection.fetchval(_OUTDATED, before, most_rows)
            owners = [row[0] for row in await connection.fetch(_OWNERS, before)]
        if not owners:
            return 0
        async with acting_for(self._pool, *owners) as connection:
            return len(await connection.fetch(_DELETE, before, batch_rows))
