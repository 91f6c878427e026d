"""Connections to PostgreSQL: pools that are logged in as their service's role, and waiting for a server that is not up yet."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.settings import DatabaseSettings, StartRefusedError

logger = logging.getLogger(__name__)

T = TypeVar("T")

Connection = asyncpg.Connection | PoolConnectionProxy
"""A connection, either separate or from a pool."""

UNAVAILABLE: Final = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, TimeoutError,
    asyncpg.InternalClientError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError, asyncio.InvalidStateError)  # fmt: skip
"""The errors that mean that PostgreSQL cannot answer now, as opposed to an invalid statement.

asyncpg raises the last one for a connection that is cut during its own bookkeeping.
"""

BY_INDEX: Final = {"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"}
"""The second setting avoids planning every batch: PostgreSQL would otherwise plan again for each large parameter."""

_FIRST_DELAY_S: Final = 0.05
_LONGEST_DELAY_S: Final = 1.0
_FIRST_OF_USERS: Final = 16_384
"""PostgreSQL gives its own types lower numbers, which are the same in every database (`FirstNormalObjectId`)."""

_known: dict[frozenset[int], Sequence[Any]] = {}


@dataclass(frozen=True, slots=True)
class _NoStatement:
    """Stands for the statement that would have asked. asyncpg only looks whether it has a name."""

    name: str = "not asked"


class TypedConnection(asyncpg.Connection):
    """A connection that asks for PostgreSQL's own types once per process.

    asyncpg knows only some of them. For others, such as `bigint[]`, each new connection asks the catalog before its first
    statement with one. That takes 11 ms of the server's processor, twice as much as the rest of such a connection. The answer
    for a built-in type is always the same.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[Sequence[Any], Any]:
        asked = frozenset(typeoids)
        if asked in _known:
            return _known[asked], _NoStatement()
        rows, statement = await super()._introspect_types(asked, timeout)  # type: ignore[misc] # the stubs leave it out
        if max(asked) < _FIRST_OF_USERS:
            _known[asked] = rows
        return rows, statement


@asynccontextmanager
async def open_pool(
    settings: DatabaseSettings, role: str, *, by_index: bool = False, pepper: str = ""
) -> AsyncIterator[asyncpg.Pool]:
    """Opens a pool of connections that are logged in as `role`. Waits indefinitely for the server: services start in
    any order.

    Args:
        settings: where the database is, and the login.
        role: the role of the service. The settings must log in as this role.
        by_index: whether every statement must look up rows by an index. A plan made while a table was empty scans it,
            and is kept while the table grows. Until PostgreSQL updates its statistics, each call would cost more than
            the last.
        pepper: name of the pepper with which the service hashes secrets. The database stores it beside each hash.

    Raises:
        StartRefusedError: the settings log in as another role.
    """
    timeout_s = settings.database_timeout_ms / 1_000
    pool = await until_available(
        lambda: asyncpg.create_pool(
            settings.database_url.get_secret_value(),
            connection_class=TypedConnection,
            min_size=1,
            max_size=settings.database_pool_size,
            command_timeout=timeout_s,
            timeout=timeout_s,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": role,
                "statement_timeout": str(settings.database_timeout_ms),
                **(BY_INDEX if by_index else {}),
                **({"megarouter.pepper": pepper} if pepper else {}),
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
    """Requires the expected login. A service that logs in as the owner would work with unlimited rights, unnoticed."""
    login = await until_available(lambda: pool.fetchval("SELECT session_user"))
    if login != role:
        raise StartRefusedError(f"the database URL logs in as {login}, but this service must log in as {role}")


async def _leave_as_it_is(_connection: Connection) -> None:
    """Replaces the round trip that resets a connection at every return to the pool.

    No state outlives a transaction here, and asyncpg itself ends an open one. Anything that listens or locks for longer
    has its own connection.
    """


async def until_available(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeats an attempt until PostgreSQL answers, with growing pauses of at most a second."""
    backoff = Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)
    while True:
        try:
            return await attempt()
        except UNAVAILABLE as error:
            logger.info("waiting for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(backoff.failed())
