"""Deletes old alerts, with what was sent about them and who found them in their inbox."""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

DELETED_AT_ONCE: Final = 5_000
_INTERVAL_S: Final = 3_600.0
_MAX_BATCHES: Final = 100
"""Of one round, so that PostgreSQL has other work to do."""


async def forget_once(pool: asyncpg.Pool, retention_days: int, at_most: int = DELETED_AT_ONCE) -> int:
    """Deletes a batch of what is too old. Returns how many events."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=retention_days)
    deleted: int = await pool.fetchval("SELECT forget_alerts($1, $2)", before, at_most)
    return deleted


async def _run(pool: asyncpg.Pool, retention_days: int) -> None:
    while True:
        try:
            for _ in range(_MAX_BATCHES):
                if await forget_once(pool, retention_days) < DELETED_AT_ONCE:
                    break
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("old alerts stay for now", extra={"error": type(error).__name__})
        await asyncio.sleep(_INTERVAL_S)


@asynccontextmanager
async def running(pool: asyncpg.Pool, retention_days: int) -> AsyncIterator[None]:
    """Deletes what is too old now and every hour, while the context is open."""
    async with in_background(_run(pool, retention_days)):
        yield
