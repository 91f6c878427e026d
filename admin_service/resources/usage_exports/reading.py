"""Reads the calls of an export from the replica, so that large exports leave the primary alone.

It reads from the replica only when that has everything that the primary had when the process began. So no event up to the
position that an earlier process has fixed is missing, and the file is the same, byte for byte. If the replica fails, the primary
goes on.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import asyncpg

from admin_service.analytics.exports.pages import SlowExportError
from admin_service.analytics.query import InvalidQueryError
from admin_service.analytics.reading import UnknownOrganizationError
from admin_service.analytics.replicas.reads import AS_OF, PRIMARY, REPLICA
from gateway_core.runtime.database_urls.postgres import url_at
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

T = TypeVar("T")

PLACE: Final = "MEGAROUTER_DATABASE_REPLICA"
LAG_MS: Final = "MEGAROUTER_REPLICA_LAG_MS"
_CONNECT_TIMEOUT_S: Final = 10
_PAUSE_S: Final = 0.1
# The last ones say that it is not the replica it was, or slower than the primary.
_FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError, InvalidQueryError, UnknownOrganizationError, SlowExportError)


@dataclass(frozen=True, slots=True)
class Replica:
    """Where the replica is, and how long to wait for it."""

    url: str
    most_lag_s: float


def replica_settings(settings: AdminSettings) -> dict[str, str]:
    """Returns the variables by which a process finds the replica: none without one."""
    if settings.database_replica is None:
        return {}
    return {PLACE: settings.database_replica, LAG_MS: str(settings.replica_lag_ms)}


def replica_of(environment: Mapping[str, str], url: str) -> Replica | None:
    """Returns the replica that the variables name.

    Args:
        environment: of the process.
        url: of the primary, with the login.
    """
    place = environment.get(PLACE)
    return None if place is None else Replica(url_at(url, place), int(environment[LAG_MS]) / 1_000)


class CallSource:
    """The pools that have the calls. `replica` is None if there is none, or it has failed."""

    def __init__(self, primary: asyncpg.Pool, replica: asyncpg.Pool | None = None) -> None:
        self._primary = primary
        self._replica = replica

    async def read(self, work: Callable[[asyncpg.Pool], Awaitable[T]]) -> T:
        """Runs work that only reads. After a failure of the replica, the primary does this and everything after it."""
        if self._replica is not None:
            try:
                return await work(self._replica)
            except _FAILURES as error:
                logger.info("the primary goes on for the replica", extra={"error": type(error).__name__})
                self._replica = None
        return await work(self._primary)


@asynccontextmanager
async def open_source(primary: asyncpg.Pool, replica: Replica | None) -> AsyncIterator[CallSource]:
    """Opens the replica, and waits until it has what the primary has now. Without it, if that takes too long."""
    if replica is None:
        yield CallSource(primary)
        return
    row = await primary.fetchrow(PRIMARY)
    if row is None:
        raise AssertionError("a row without a table")
    settings = {"default_transaction_read_only": "on", AS_OF: row["time"].isoformat()}
    pool = asyncpg.create_pool(
        replica.url, min_size=0, max_size=1, timeout=_CONNECT_TIMEOUT_S, server_settings=settings
    )
    await pool
    try:
        yield CallSource(primary, pool if await _has_replayed(pool, int(row["position"]), replica.most_lag_s) else None)
    finally:
        pool.terminate()


async def _has_replayed(pool: asyncpg.Pool, position: int, most_s: float) -> bool:
    """Waits at most `most_s` seconds. Returns whether the replica has everything up to a position."""
    started = time.monotonic()
    try:
        async with asyncio.timeout(most_s):
            while (replayed := await pool.fetchval(REPLICA)) is not None:
                if int(replayed) >= position:
                    return True
                await asyncio.sleep(_PAUSE_S)
    except (*UNAVAILABLE, asyncpg.PostgresError) as error:
        extra = {"error": type(error).__name__, "waited_s": round(time.monotonic() - started, 1)}
        logger.info("the primary is read, because the replica is away or behind", extra=extra)
    return False
