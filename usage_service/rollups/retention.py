"""Drops the hours of old months, if the operator wants that. Records, days and months stay, so no answer changes."""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 3_600.0
_LOCK_TIMEOUT_MS: Final = 1_000
"""Answers to questions wait at most this long behind it."""
_MONTHS_PER_YEAR: Final = 12


class HoursRetention:
    """Keeps a number of months of hours besides the running one."""

    def __init__(
        self, pool: asyncpg.Pool, months: int, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    ) -> None:
        """Creates a retention.

        Args:
            pool: connections of usage_service.
            months: how many whole months to keep. 0 keeps all.
            clock: decides which month is running.
        """
        self._pool = pool
        self._months = months
        self._clock = clock

    async def drop_once(self) -> int:
        """Drops what is too old. Returns how many partitions; 0 also if days do not have these hours yet.

        Raises:
            asyncpg.LockNotAvailableError: somebody reads or writes all the time. Nothing was dropped.
        """
        if not self._months:
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
            dropped: int = await connection.fetchval(
                "SELECT drop_usage_hours($1)", first_kept_month(self._clock(), self._months)
            )
        if dropped:
            logger.info("hours of old months were dropped", extra={"partitions": dropped})
        return dropped

    async def run(self) -> None:
        """Drops what is too old until canceled."""
        while True:
            try:
                await self.drop_once()
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.info("hours of old months stay for now", extra={"error": type(error).__name__})
            await asyncio.sleep(_INTERVAL_S)


def first_kept_month(now: dt.datetime, months: int) -> dt.datetime:
    """Returns the start of the first month, in UTC, of those that are kept besides the running one."""
    number = now.year * _MONTHS_PER_YEAR + now.month - 1 - months
    return dt.datetime(number // _MONTHS_PER_YEAR, number % _MONTHS_PER_YEAR + 1, 1, tzinfo=dt.UTC)


@asynccontextmanager
async def running(retention: HoursRetention) -> AsyncIterator[None]:
    """Drops what is too old while the context is open."""
    async with in_background(retention.run()):
        yield
