"""Open holds: the expired ones without a report, and all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.settlement.charge_decision import ExpiredHoldPolicy

# It locks the heads, not the holds, as every settlement does, to avoid deadlocks. It skips a ledger that another
# transaction is writing; a later sweep handles its holds. OFFSET 0 makes PostgreSQL find the expired holds first, by
# time. Otherwise the planner, which expects few organizations behind the wall, would scan the open holds of each.
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
    """A hold to be expired: its token, and its organization's policy."""

    hold_id: str
    token: str
    policy: ExpiredHoldPolicy


async def lock_expired_holds(connection: Connection, limit: int, passed_over: Sequence[str]) -> list[ExpiredHold]:
    """Returns the holds that expired first. Locks their organizations' heads until the caller's transaction ends.

    The time is PostgreSQL's. A returned hold may have just been resolved; settling it again changes nothing.

    Args:
        connection: a connection in a transaction.
        limit: how many holds to return at most.
        passed_over: ids of holds to skip.
    """
    rows = await connection.fetch(_EXPIRED, passed_over, limit)
    return [ExpiredHold(hold_id, token, ExpiredHoldPolicy(policy)) for hold_id, token, policy in rows]


@dataclass(frozen=True, slots=True)
class OpenHolds:
    """The open holds of all organizations."""

    count: int
    oldest_age_s: float
    """Age in seconds of the oldest open hold; 0 if there is none."""


async def all_open_holds(pool: asyncpg.Pool) -> OpenHolds:
    """Returns how many holds are open in all organizations, and the age of the oldest by PostgreSQL's time."""
    async with acting_for(pool, EVERY_ORGANIZATION) as connection:
        row = await connection.fetchrow(
            "SELECT count(*) AS count, coalesce(extract(epoch FROM now() - min(place_time)), 0)::float8 AS oldest_age_s"
            " FROM holds WHERE state = 'HELD'"
        )
    assert row is not None  # noqa: S101 - an aggregate has one row
    return OpenHolds(row["count"], max(0.0, row["oldest_age_s"]))


async def open_holds(pool: asyncpg.Pool, organization: str) -> frozenset[str]:
    """Returns the ids of an organization's open holds."""
    async with acting_for(pool, organization) as connection:
        rows = await connection.fetch(
            "SELECT hold_id FROM holds WHERE state = 'HELD' AND organization_id = $1", organization
        )
    return frozenset(row["hold_id"] for row in rows)


async def counters_of_open_holds(
    pool: asyncpg.Pool, organization: str, hold_ids: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Returns the encoded counters of those of an organization's holds that are open, by hold id."""
    async with acting_for(pool, organization) as connection:
        rows = await connection.fetch(
            "SELECT hold_id, counters FROM holds"
            " WHERE state = 'HELD' AND organization_id = $1 AND hold_id = ANY($2::text[])",
            organization,
            hold_ids,
        )
    return {row["hold_id"]: tuple(row["counters"]) for row in rows}
