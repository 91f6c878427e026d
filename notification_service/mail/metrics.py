"""Reports how many messages wait and for how long. It shows operators that mail fails, or that no mail server is configured."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.metrics import Metrics
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 5.0
_WAITING: Final = "SELECT message_count, oldest_age_s FROM messages_waiting()"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The outboxes of all organizations together."""

    count: int
    oldest_age_s: float
    """0 if no message waits."""


@asynccontextmanager
async def counted(pool: asyncpg.Pool, metrics: Metrics, interval_s: float = INTERVAL_S) -> AsyncIterator[None]:
    """Reports the metrics while the context is open, with or without a mail server. Does nothing if metrics are not collected."""
    if not metrics.enabled:
        yield
        return
    latest = _Latest(pool, interval_s)
    metrics.gauge(semconv.OUTBOX_WAITING, lambda: [(found.count, {})] if (found := latest.waiting) else [])
    metrics.gauge(semconv.OUTBOX_OLDEST_AGE, lambda: [(found.oldest_age_s, {})] if (found := latest.waiting) else [])
    async with in_background(latest.keep()):
        yield


class _Latest:
    """The last count, or nothing if the outbox could not be read."""

    def __init__(self, pool: asyncpg.Pool, interval_s: float) -> None:
        self._pool = pool
        self._interval_s = interval_s
        self.waiting: Waiting | None = None

    async def keep(self) -> None:
        """Counts until canceled."""
        while True:
            try:
                row = await self._pool.fetchrow(_WAITING)
                self.waiting = None if row is None else Waiting(*row)
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                self.waiting = None
                logger.info("cannot count waiting messages", extra={"error": type(error).__name__})
            await asyncio.sleep(self._interval_s)
