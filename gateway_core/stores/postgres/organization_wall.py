"""The second wall between organizations (INV-12): a transaction says for whom it acts, and PostgreSQL shows it nobody else's rows.

The first wall is the predicate of every statement. This one stands behind it as row-level security: who forgets either finds
nothing, instead of another organization's rows.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final, Literal

import asyncpg

from gateway_core.stores.postgres.connections import Connection

EVERY_ORGANIZATION: Final = "*"
"""For work that goes over all organizations, such as sweeping; only usage_service's role may, and only to read and lock."""


@asynccontextmanager
async def acting_for(
    pool: asyncpg.Pool, *organizations: str, isolation: Literal["read_committed", "repeatable_read"] | None = None
) -> AsyncIterator[Connection]:
    """A transaction on a connection of the pool that sees the rows of these organizations."""
    async with pool.acquire() as connection, connection.transaction(isolation=isolation):
        await act_for(connection, organizations)
        yield connection


async def act_for(connection: Connection, organizations: Iterable[str]) -> None:
    """Says for whom the transaction under way acts, until it ends."""
    await connection.execute("SELECT set_config('megarouter.organizations', $1, true)", joined(organizations))


def joined(organizations: Iterable[str]) -> str:
    """As the setting has them. Ids hold no comma (`ids.is_valid_id`)."""
    return ",".join(organizations)
