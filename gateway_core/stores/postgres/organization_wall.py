"""The second wall between organizations (INV-12). A transaction names the organizations it acts for, and PostgreSQL
shows no others.

The first wall is the predicate of every statement. This one, row-level security, backs it up: a statement that lacks
either finds nothing, instead of another organization's rows.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from typing import Final, Literal

import asyncpg

from gateway_core.stores.postgres.connecting.fair_pool import FairPool
from gateway_core.stores.postgres.connections import Connection

EVERY_ORGANIZATION: Final = "*"
"""For work across all organizations, such as sweeping. Only usage_service's role may use it, and only to read and lock."""


@asynccontextmanager
async def acting_for(
    pool: asyncpg.Pool, *organizations: str, isolation: Literal["read_committed", "repeatable_read"] | None = None
) -> AsyncIterator[Connection]:
    """Opens a transaction on a connection of the pool that sees the rows of these organizations.

    While all connections of a `FairPool` are busy, organizations take turns.
    """
    turn = pool.turns.of(joined(organizations)) if isinstance(pool, FairPool) else nullcontext()
    async with turn, pool.acquire() as connection, connection.transaction(isolation=isolation):
        await act_for(connection, organizations)
        yield connection


async def act_for(connection: Connection, organizations: Iterable[str]) -> None:
    """Sets the organizations that the current transaction acts for."""
    await connection.execute("SELECT set_config('megarouter.organizations', $1, true)", joined(organizations))


def joined(organizations: Iterable[str]) -> str:
    """Joins organization ids as the setting expects them. Ids contain no comma (`ids.is_valid_id`)."""
    return ",".join(organizations)
