"""Connections to PostgreSQL: pools that are logged in as their service's role, and waiting for a server that is not up yet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.settings import DatabaseSettings, StartRefusedError

logger = logging.getLogger(__name__)

T = TypeVar("T")

Connection = asyncpg.Connection | PoolConnectionProxy
"""A connection, whether of its own or lent by a pool."""

UNAVAILABLE: Final = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, TimeoutError,
    asyncpg.InternalClientError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError, asyncio.InvalidStateError)  # fmt: skip
"""What says that PostgreSQL cannot answer now, as opposed to a statement that is wrong.

The last is how asyncpg reports a connection that was cut in the middle of its own bookkeeping.
"""

_BY_INDEX: Final = {"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"}
"""The second saves a planning for every batch: a batch as a parameter looks to PostgreSQL as if it were worth a plan of its own."""

_FIRST_DELAY_S: Final = 0.05
_LONGEST_DELAY_S: Final = 1.0


@asynccontextmanager
async def open_pool(settings: DatabaseSettings, role: str, *, by_index: bool = False) -> AsyncIterator[asyncpg.Pool]:
    """A pool of connections that are logged in as `role`. Waits for the server without end: services start in any order.

    Args:
        settings: where the database is, and the login.
        role: the role of the service, as which the settings must log in.
        by_index: whether every statement is to look rows up by an index. A plan that was made while a table was empty reads all of
            it, and is kept while the table grows: until PostgreSQL counts the rows anew, each call would cost more than the last.

    Raises:
        StartRefusedError: the settings log in as somebody else.
    """
    timeout_s = settings.database_timeout_ms / 1_000
    pool = await until_available(
        lambda: asyncpg.create_pool(
            settings.database_url.get_secret_value(),
            min_size=1,
            max_size=settings.database_pool_size,
            command_timeout=timeout_s,
            timeout=timeout_s,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": role,
                "statement_timeout": str(settings.database_timeout_ms),
                **(_BY_INDEX if by_index else {}),
            },
        )
    )
    try:
        await _require_login(pool, role)
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeout_s)
        except TimeoutError:
            pool.terminate()


async def _require_login(pool: asyncpg.Pool, role: str) -> None:
    """A service that logs in as the owner would work, and could do everything: it must not go unnoticed."""
    login = await until_available(lambda: pool.fetchval("SELECT session_user"))
    if login != role:
        raise StartRefusedError(f"the database URL logs in as {login}, and this service runs only as {role}")


async def _leave_as_it_is(_connection: Connection) -> None:
    """Instead of a round trip at every return to the pool. Nothing of ours outlives its transaction, and asyncpg itself ends one
    that is open; what listens or locks for longer has a connection of its own.
    """


async def until_available(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeats an attempt until PostgreSQL answers, with a growing pause of at most a second."""
    backoff = Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)
    while True:
        try:
            return await attempt()
        except UNAVAILABLE as error:
            logger.info("waiting for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(backoff.failed())
