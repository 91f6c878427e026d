"""Connections to PostgreSQL: pools that are logged in as their service's role, and waiting for a server that is not up yet."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.database_urls.postgres import url_at
from gateway_core.runtime.settings import DatabaseSettings, StartRefusedError
from gateway_core.stores.postgres.connecting import hosts, pooled
from gateway_core.stores.postgres.connecting.fair_pool import FairPool
from gateway_core.stores.postgres.connecting.pooled import PooledConnection
from gateway_core.stores.postgres.connecting.typed import TypedConnection

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
        StartRefusedError: the settings log in as another role, or a parameter of the URL cannot be used.
    """
    timeout_s = settings.database_timeout_ms / 1_000
    begin_with = {
        "statement_timeout": str(settings.database_timeout_ms),
        **(BY_INDEX if by_index else {}),
        **({"megarouter.pepper": pepper} if pepper else {}),
    }
    pool = await until_available(lambda: _pool_of(settings, role, begin_with))
    try:
        await _require_login(pool, role)
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), timeout_s)
        except TimeoutError:
            pool.terminate()


async def _pool_of(settings: DatabaseSettings, role: str, begin_with: Mapping[str, str]) -> asyncpg.Pool:
    """Returns a pool whose statements run with these settings of PostgreSQL."""
    url, place = settings.database_url.get_secret_value(), settings.database_pooler
    timeout_s = settings.database_timeout_ms / 1_000
    connect = functools.partial(hosts.connect, timeout=timeout_s, command_timeout=timeout_s)
    if place is None:
        server_settings = {"application_name": role, **begin_with}
        options: dict[str, Any] = {"connection_class": TypedConnection}
        connect = functools.partial(connect, server_settings=server_settings)
    else:
        url = url_at(url, place)
        options = {"connection_class": PooledConnection, "init": pooled.beginning_with(lambda: begin_with)}
        # A prepared statement would stay on a connection to the server that the next transaction may not get.
        connect = functools.partial(connect, server_settings={"application_name": role}, statement_cache_size=0)
    return await FairPool(
        url, connect=connect, min_size=1, max_size=settings.database_pool_size, reset=_leave_as_it_is, **options
    )


@asynccontextmanager
async def open_replica(
    settings: DatabaseSettings, role: str, place: str, begin_with: Callable[[], Mapping[str, str]]
) -> AsyncIterator[asyncpg.Pool]:
    """Opens a pool that reads from replicas. It connects when it is used, so they may be away.

    Args:
        settings: the login and the limits.
        role: names the connections.
        place: `postgresql://host:port` of one or several.
        begin_with: returns the settings with which a transaction begins.
    """
    timeout_s = settings.database_timeout_ms / 1_000
    server_settings = {
        "application_name": f"{role} replica",
        "statement_timeout": str(settings.database_timeout_ms),
        "default_transaction_read_only": "on",
    }
    connect = functools.partial(
        hosts.connect, timeout=timeout_s, command_timeout=timeout_s, server_settings=server_settings
    )
    options: dict[str, Any] = {"connection_class": PooledConnection, "init": pooled.beginning_with(begin_with)}
    url, size = url_at(settings.database_url.get_secret_value(), place), settings.database_pool_size
    pool = await FairPool(url, connect=connect, min_size=0, max_size=size, reset=_leave_as_it_is, **options)
    try:
        yield pool
    finally:
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
    """Repeats an attempt of a starting service until PostgreSQL answers, with growing pauses of at most a second.

    Raises:
        StartRefusedError: a parameter of the URL cannot be used, so waiting does not help.
    """
    backoff = Backoff(_FIRST_DELAY_S, _LONGEST_DELAY_S)
    while True:
        try:
            return await attempt()
        except asyncpg.ClientConfigurationError as error:  # which is one of UNAVAILABLE
            raise StartRefusedError(f"the database URL cannot be used: {error}") from None
        except UNAVAILABLE as error:
            logger.info("waiting for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(backoff.failed())
