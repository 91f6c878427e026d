"""Gives ratings that came before their calls were settled to these calls. Any number of processes may do so concurrently."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 2.0


async def match_once(pool: asyncpg.Pool) -> int:
    """Gives waiting ratings to the calls that are settled by now. Returns how many."""
    return int(await pool.fetchval("SELECT match_ratings()"))


async def _run(pool: asyncpg.Pool) -> None:
    while True:
        try:
            await match_once(pool)
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("ratings are waiting for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(_INTERVAL_S)


@asynccontextmanager
async def running(pool: asyncpg.Pool) -> AsyncIterator[None]:
    """Matches ratings while the context is open."""
    async with in_background(_run(pool)):
        yield
