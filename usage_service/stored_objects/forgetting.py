"""Deletes the ids whose time is over. Any number of processes may do so concurrently."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 60.0
_BATCH_ROWS: Final = 1_000
_PAUSE_S: Final = 0.05
"""Between two batches, so that settlements come first."""


async def forget_expired(pool: asyncpg.Pool) -> int:
    """Deletes all expired ids. Returns how many."""
    total = 0
    while True:
        forgotten = int(await pool.fetchval("SELECT forget_expired_objects($1)", _BATCH_ROWS))
        total += forgotten
        if forgotten < _BATCH_ROWS:
            return total
        await asyncio.sleep(_PAUSE_S)


async def _run(pool: asyncpg.Pool) -> None:
    while True:
        try:
            await forget_expired(pool)
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("expired ids are waiting for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(_INTERVAL_S)


@asynccontextmanager
async def running(pool: asyncpg.Pool) -> AsyncIterator[None]:
    """Deletes expired ids every minute while the context is open."""
    async with in_background(_run(pool)):
        yield
