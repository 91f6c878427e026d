"""Compares the open holds that Redis counts with the register, and has what differs rebuilt.

A hold that Redis counts and nobody registered (its authz_service was killed in between, or Redis is from an old snapshot) would
block budget for ever; one that is registered and not counted (it reached the register after Redis was rebuilt) would let others
take its budget. Either must be seen twice in a row, so that what is merely on its way is left alone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
from redis.exceptions import RedisError

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.hold_counters import HoldCounters
from gateway_core.stores.redis.pipelined import ScriptClient
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.counters.progress import counted_holds
from usage_service.settlement.expiry_store import open_holds

logger = logging.getLogger(__name__)

_ORGANIZATIONS_PER_PAGE: Final = 500

Differences = frozenset[tuple[str, str]]
"""Generation of the pool and hold id of everything that is on one side only."""


class Reconciler:
    """Looks at every organization that Redis knows, again and again."""

    def __init__(self, redis: ScriptClient, pool: asyncpg.Pool, interval_ms: int) -> None:
        """Prepares a reconciler.

        Args:
            redis: where holds are counted.
            pool: connections that may read the register.
            interval_ms: between two looks: longer than a hold needs to the register, and a settlement to Redis.
        """
        self._redis = redis
        self._counters = HoldCounters(redis)
        self._pool = pool
        self._events = LedgerEvents(pool)
        self._interval_s = interval_ms / 1_000
        self._seen: dict[str, Differences] = {}
        self.rebuilt = 0
        """Pools dropped since the start."""

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            try:
                await self.look()
            except (*UNAVAILABLE, asyncpg.PostgresError, RedisError) as error:
                # What was seen before the gap may have been on its way then: two looks in a row have to agree.
                self._seen.clear()
                logger.info("open holds cannot be compared", extra={"error": type(error).__name__})
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Compares once; drops the pools that differ in the same holds as at the last look."""
        seen: dict[str, Differences] = {}
        after = ""
        while heads := await self._events.heads(after, _ORGANIZATIONS_PER_PAGE):
            for organization, _ in heads:
                if differences := await self._differences(organization):
                    seen[organization] = differences
                    await self._drop_if_lasting(organization, differences)
            after = heads[-1][0]
        self._seen = seen

    async def _differences(self, organization: str) -> Differences:
        generation, counted = await counted_holds(self._redis, organization)
        if generation is None:
            return frozenset()
        registered = await open_holds(self._pool, organization)
        return frozenset((generation, hold_id) for hold_id in counted ^ registered)

    async def _drop_if_lasting(self, organization: str, differences: Differences) -> None:
        lasting = differences & self._seen.get(organization, frozenset())
        if not lasting:
            return
        generation, _ = next(iter(lasting))
        if await self._counters.drop_pool(organization, generation):
            self.rebuilt += 1
            logger.warning(
                "Redis and the register differ: counters are rebuilt",
                extra={"organization": organization, "holds": len(lasting)},
            )


@asynccontextmanager
async def running(reconciler: Reconciler) -> AsyncIterator[None]:
    """Reconciles while the context is open."""
    async with in_background(reconciler.run()):
        yield
