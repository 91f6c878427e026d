"""Open holds: those whose time is over and on which nobody reported, and all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.settlement.decision import ExpiredHoldPolicy

# The heads are locked, not the holds: as for every settlement, so that nobody waits in a circle. A ledger that somebody else
# is writing to is passed over, and its holds are left to them or to the next look. OFFSET 0 has the expired holds found first, by
# their time: behind the wall the planner takes organizations for few, and would go through the open holds of each.
_EXPIRED: Final = """
SELECT h.hold_id, h.token, o.expired_hold_policy
  FROM (SELECT hold_id, organization_id, token, expire_time FROM holds
         WHERE state = 'HELD' AND expire_time < now() AND hold_id <> ALL($1::text[])
         ORDER BY expire_time OFFSET 0) h
  JOIN organizations o ON o.organization_id = h.organization_id
  JOIN ledger_heads l ON l.organization_id = h.organization_id
 ORDER BY h.expire_time
 LIMIT $2
   FOR UPDATE OF l SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class ExpiredHold:
    """A hold to be expired, as its token, and what its organization pays for it."""

    hold_id: str
    token: str
    policy: ExpiredHoldPolicy


async def lock_expired_holds(connection: Connection, limit: int, passed_over: Sequence[str]) -> list[ExpiredHold]:
    """The holds that expired first, with the heads of their organizations locked until the caller's transaction ends.

    The time is PostgreSQL's. A hold may have been resolved in the last moment: settling it anew changes nothing.

    Args:
        connection: in a transaction.
        limit: how many at most.
        passed_over: ids of holds that are not to be given.
    """
    rows = await connection.fetch(_EXPIRED, passed_over, limit)
    return [ExpiredHold(hold_id, token, ExpiredHoldPolicy(policy)) for hold_id, token, policy in rows]


@dataclass(frozen=True, slots=True)
class OpenHolds:
    """The open holds of everybody."""

    count: int
    oldest_age_s: float
    """0 when there is none."""


async def all_open_holds(pool: asyncpg.Pool) -> OpenHolds:
    """How many holds are open over all organizations, and how long the oldest has been. The time is PostgreSQL's."""
    async with acting_for(pool, EVERY_ORGANIZATION) as connection:
        row = await connection.fetchrow(
            "SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(place_time)), 0)::float8 AS oldest_age_s"
            " FROM holds WHERE state = 'HELD'"
        )
    assert row is not None  # noqa: S101 - an aggregate has one row
    return OpenHolds(row["count"], max(0.0, row["oldest_age_s"]))


async def open_holds(pool: asyncpg.Pool, organization: str) -> frozenset[str]:
    """Ids of an organization's open holds."""
    async with acting_for(pool, organization) as connection:
        rows = await connection.fetch(
            "SELECT hold_id FROM holds WHERE state = 'HELD' AND organization_id = $1", organization
        )
    return frozenset(row["hold_id"] for row in rows)
