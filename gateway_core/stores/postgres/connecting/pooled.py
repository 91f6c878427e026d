"""Connections through a pooler that gives each transaction any connection to the server, as PgBouncer in transaction mode does.

Nothing may be kept on such a connection: no setting and no prepared statement. PgBouncer also refuses settings in the message
that opens a connection. So every transaction begins with the settings of the service, in the same message as its BEGIN, and
a statement outside a transaction gets one of its own.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

import asyncpg

from gateway_core.stores.postgres.connecting.typed import TypedConnection

_BEGIN: Final = "BEGIN"


class PooledConnection(TypedConnection):
    """A connection whose transactions begin with what `begin_with` returns. It must be set before the first statement."""

    begin_with: Callable[[], str]

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """As asyncpg's, in a transaction with the settings."""
        if self.is_in_transaction():
            return await super().execute(query, *args, timeout=timeout)
        if query.startswith(_BEGIN):
            return await super().execute(f"{query} {self.begin_with()}", timeout=timeout)
        async with self.transaction():
            return await super().execute(query, *args, timeout=timeout)

    async def _execute(self, *arguments: object, **options: object) -> object:
        if self.is_in_transaction():
            return await super()._execute(*arguments, **options)  # type: ignore[misc] # the stubs leave it out
        async with self.transaction():
            return await super()._execute(*arguments, **options)  # type: ignore[misc]

    async def _executemany(self, *arguments: object, **options: object) -> object:
        if self.is_in_transaction():
            return await super()._executemany(*arguments, **options)  # type: ignore[misc]
        async with self.transaction():
            return await super()._executemany(*arguments, **options)  # type: ignore[misc]


def beginning_with(settings: Callable[[], Mapping[str, str]]) -> Callable[[asyncpg.Connection], Awaitable[None]]:
    """Returns what prepares a new connection of a pool: each of its transactions begins with the settings of that moment."""

    def statements() -> str:
        return "".join(f"SET LOCAL {name} = {_literal(value)};" for name, value in settings().items())

    async def prepare(connection: asyncpg.Connection) -> None:
        cast("PooledConnection", connection).begin_with = statements

    return prepare


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
