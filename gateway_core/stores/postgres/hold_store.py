"""The holds table, and the snapshots of spend from which Redis is seeded."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.model.calls.holds import Hold
from gateway_core.model.limits.counters import encoded_counters
from gateway_core.model.limits.rollovers import NOTHING_CARRIED, Carry
from gateway_core.model.organization.scopes import Scope
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for, joined
from gateway_core.stores.postgres.packed_columns import packed_columns


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """An organization's credit at one sequence of its ledger. Amounts are nano-credits."""

    sequence: int
    balance: int
    placement: int
    """The highest placement number in the holds table."""
    open_holds: dict[str, int]


@dataclass(frozen=True, slots=True)
class CounterSnapshot:
    """A counter at one sequence of its organization's ledger. Amounts are nano-credits."""

    sequence: int
    settled: int
    open_holds: dict[str, int]


# No conflict target, because that would require the right to read the table. A settlement may have recorded the hold
# already.
_INSERT: Final = """
INSERT INTO holds (hold_id, organization_id, member_id, api_key_id, amount_nano_credits, token, counters, place_time, expire_time,
                   placement)
SELECT hold_id, organization_id, member_id, api_key_id, amount, token, string_to_array(counters, ' '),
       'epoch'::timestamptz + placed_us * interval '1 microsecond', 'epoch'::timestamptz + expires_us * interval '1 microsecond',
       placement
  FROM unnest(unpacked($1), unpacked($2), unpacked($3), unpacked($4), unpacked($5)::bigint[], unpacked($6), unpacked($7),
              unpacked($8)::bigint[], unpacked($9)::bigint[], unpacked($10)::bigint[])
    AS placed (hold_id, organization_id, member_id, api_key_id, amount, token, counters, placed_us, expires_us, placement)
ON CONFLICT DO NOTHING
"""
# Sets the organizations and inserts in one round trip: `acting` is evaluated before the first row is inserted.
_REGISTER: Final = _INSERT.replace(
    "FROM unnest", "FROM (SELECT set_config('megarouter.organizations', $11, true)) AS acting,\n       unnest"
)

_POOL: Final = """
SELECT h.sequence, a.balance_nano_credits,
       (SELECT coalesce(max(placement), 0) FROM holds WHERE organization_id = $1) AS placement
  FROM ledger_heads h JOIN ledger_accounts a ON a.organization_id = h.organization_id AND a.account = 'CREDIT_POOL'
 WHERE h.organization_id = $1
"""

_COUNTER: Final = """
SELECT (SELECT sequence FROM ledger_heads WHERE organization_id = $1) AS sequence,
       coalesce((SELECT settled_nano_credits FROM scope_spend WHERE organization_id = $1 AND counter = $2), 0) AS settled,
       ARRAY(SELECT (hold_id, amount_nano_credits) FROM holds
              WHERE state = 'HELD' AND organization_id = $1 AND counters @> ARRAY[$2::text]) AS open_holds
"""


_OPEN_CALLS: Final = """
SELECT (SELECT sequence FROM ledger_heads WHERE organization_id = $1) AS sequence,
       ARRAY(SELECT (hold_id, ceil(extract(epoch FROM expire_time))::bigint) FROM holds
              WHERE state = 'HELD' AND organization_id = $1
                AND EXISTS (SELECT FROM unnest(counters) AS counter WHERE starts_with(counter, $2))) AS open_holds
"""

_OPEN_AMONG: Final = """
SELECT (SELECT sequence FROM ledger_heads WHERE organization_id = $1) AS sequence,
       ARRAY(SELECT hold_id FROM holds WHERE state = 'HELD' AND organization_id = $1 AND hold_id = ANY($2::text[])) AS open_ids
"""


async def insert_holds(connection: Connection, holds: Sequence[tuple[Hold, str]]) -> None:
    """Records holds with their tokens. Skips those already recorded. The right to insert suffices."""
    if holds:
        await connection.execute(_INSERT, *_columns(holds))


def _columns(holds: Sequence[tuple[Hold, str]]) -> list[str]:
    return packed_columns(
        (
            hold.hold_id,
            hold.claims.organization,
            hold.claims.member,
            hold.claims.api_key,
            hold.amount_nano_credits,
            token,
            encoded_counters(hold.claims.counters),
            hold.placed_epoch_us,
            hold.expires_epoch_us,
            hold.placement,
        )
        for hold, token in holds
    )


async def record_holds(pool: asyncpg.Pool, holds: Sequence[tuple[Hold, str]]) -> None:
    """Does the same as `insert_holds`, for any organizations in one transaction, with the rights of a service."""
    await pool.execute(_REGISTER, *_columns(holds), joined({hold.claims.organization for hold, _ in holds}))


class SpendStore:
    """Reads snapshots for seeding. Each is one statement or one transaction, so it is consistent with one ledger sequence."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def pool_snapshot(self, organization: str) -> PoolSnapshot:
        """Returns the organization's balance and open holds."""
        async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
            sequence, balance, placement = await _one(connection.fetchrow(_POOL, organization))
            rows = await connection.fetch(
                "SELECT hold_id, amount_nano_credits FROM holds WHERE state = 'HELD' AND organization_id = $1",
                organization,
            )
        return PoolSnapshot(sequence, balance, placement, {row[0]: row[1] for row in rows})

    async def counter_snapshot(self, organization: str, counter: str) -> CounterSnapshot:
        """Returns what is settled and held on an encoded counter."""
        async with acting_for(self._pool, organization) as connection:
            sequence, settled, open_holds = await _one(connection.fetchrow(_COUNTER, organization, counter))
        return CounterSnapshot(sequence, settled, dict(open_holds))

    async def open_carry(self, organization: str, counter: str, previous: str) -> Carry:
        """Records what the period of an encoded counter begins with, once, and returns it.

        `previous` is the counter of the period before.
        """
        async with acting_for(self._pool, organization) as connection:
            row = await connection.fetchrow("SELECT * FROM open_carry($1, $2, $3)", organization, counter, previous)
        return NOTHING_CARRIED if row is None else Carry(*row)

    async def carry(self, organization: str, counter: str, previous: str) -> Carry:
        """Returns what the period of an encoded counter begins with, and records nothing."""
        async with acting_for(self._pool, organization) as connection:
            row = await connection.fetchrow(
                "SELECT base, cap FROM carry_terms($1, $2, $3)", organization, counter, previous
            )
        return NOTHING_CARRIED if row is None else Carry(*row)

    async def open_calls(self, organization: str, scope: Scope) -> tuple[int, dict[str, int]]:
        """Returns the ledger sequence and the open calls below a scope: by hold id, the expiry in epoch seconds."""
        async with acting_for(self._pool, organization) as connection:
            sequence, open_holds = await _one(
                connection.fetchrow(_OPEN_CALLS, organization, f"{scope.kind}:{scope.scope_id}:")
            )
        return sequence, dict(open_holds)

    async def open_among(self, organization: str, hold_ids: Sequence[str]) -> tuple[int, frozenset[str]]:
        """Returns the ledger sequence, and which of these holds are open at it."""
        async with acting_for(self._pool, organization) as connection:
            sequence, open_ids = await _one(connection.fetchrow(_OPEN_AMONG, organization, hold_ids))
        return sequence, frozenset(open_ids)

    async def highest_placement(self, organization: str) -> int:
        """Returns the highest placement number in the holds table; 0 if there is none."""
        async with acting_for(self._pool, organization) as connection:
            return int(
                await connection.fetchval(
                    "SELECT coalesce(max(placement), 0) FROM holds WHERE organization_id = $1", organization
                )
            )


async def _one(fetching: Awaitable[asyncpg.Record | None]) -> asyncpg.Record:
    row = await fetching
    if row is None:
        raise LookupError("the organization has no ledger")
    return row
