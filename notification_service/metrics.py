"""The metrics of notification_service."""

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

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0
_WAITING: Final = "SELECT delivery_count, oldest_age_s FROM deliveries_waiting()"


class AttemptMetrics:
    """Counts and measures attempts."""

    def __init__(self, metrics: Metrics) -> None:
        self._attempts = metrics.counter(semconv.DELIVERY_ATTEMPTS)
        self._duration = metrics.histogram(semconv.DELIVERY_DURATION)

    def attempted(self, kind: str, outcome: str, duration_s: float) -> None:
        """Counts an attempt."""
        self._attempts.add(1, {semconv.CHANNEL_KIND: kind, semconv.DELIVERY_OUTCOME: outcome})
        self._duration.record(duration_s, {semconv.CHANNEL_KIND: kind})


class _Latest:
    """The last count; None if the deliveries could not be counted."""

    def __init__(self, pool: asyncpg.Pool, interval_s: float) -> None:
        self._pool = pool
        self._interval_s = interval_s
        self.count: int | None = None
        self.oldest_age_s: float | None = None

    async def keep(self) -> None:
        """Counts until canceled."""
        while True:
            try:
                row = await self._pool.fetchrow(_WAITING)
                self.count, self.oldest_age_s = (None, None) if row is None else row
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                self.count = self.oldest_age_s = None
                logger.info("cannot count waiting deliveries", extra={"error": type(error).__name__})
            await asyncio.sleep(self._interval_s)


@asynccontextmanager
async def counted(pool: asyncpg.Pool, metrics: Metrics, interval_s: float = INTERVAL_S) -> AsyncIterator[None]:
    """Reports what waits while the context is open. Does nothing if metrics are not collected."""
    if not metrics.enabled:
        yield
        return
    latest = _Latest(pool, interval_s)
    metrics.gauge(semconv.DELIVERIES_WAITING, lambda: [] if latest.count is None else [(latest.count, {})])
    metrics.gauge(
        semconv.DELIVERIES_OLDEST_AGE, lambda: [] if latest.oldest_age_s is None else [(latest.oldest_age_s, {})]
    )
    async with in_background(latest.keep()):
        yield
