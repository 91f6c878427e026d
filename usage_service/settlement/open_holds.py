"""How many holds are open, and for how long. Operators check this first when budget seems to disappear."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.metrics import Metrics
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.settlement.expiry_store import OpenHolds, all_open_holds

logger = logging.getLogger(__name__)

_INTERVAL_S: Final = 5.0


@asynccontextmanager
async def counted(pool: asyncpg.Pool, metrics: Metrics) -> AsyncIterator[None]:
    """Reports the open holds while the context is open, if metrics are collected."""
    if not metrics.enabled:
        yield
        return
    latest = _Latest(pool)
    metrics.gauge(semconv.HOLDS_OPEN, lambda: [(latest.holds.count, {})] if latest.holds else [])
    metrics.gauge(semconv.HOLDS_OLDEST_AGE, lambda: [(latest.holds.oldest_age_s, {})] if latest.holds else [])
    async with in_background(latest.keep()):
        yield


class _Latest:
    """The result of the last count; None if the holds table could not be read."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.holds: OpenHolds | None = None

    async def keep(self) -> None:
        """Counts until canceled."""
        while True:
            try:
                self.holds = await all_open_holds(self._pool)
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                self.holds = None
                logger.info("open holds cannot be counted", extra={"error": type(error).__name__})
            await asyncio.sleep(_INTERVAL_S)
