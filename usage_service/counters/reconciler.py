"""Compares the open holds that Redis counts with the holds table, and drops pools that differ so that they are rebuilt.

A hold that only Redis counts would block budget forever: its authz_service was killed before recording it, or Redis was
restored from an old snapshot. A hold that only the holds table has would let other calls spend its budget: it was
recorded after Redis was rebuilt. A difference counts only if two comparisons in a row find it, because the hold may
merely be on its way.

A finished call counts with its charge until it is settled. If its report was lost, or cannot be settled, its hold will
expire and may be charged as a whole. So a finished call that two comparisons in a row find unsettled gets its whole hold
back.
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
from usage_service.settlement.expiry_store import counters_of_open_holds, open_holds

logger = logging.getLogger(__name__)

_ORGANIZATIONS_PER_PAGE: Final = 500
_REOPENED_AT_ONCE: Final = 1_000

Differences = frozenset[tuple[str, str]]
"""Pool generation and hold id of every hold that is on one side only."""


class Reconciler:
    """Compares every organization that Redis knows, repeatedly."""

    def __init__(self, redis: ScriptClient, pool: asyncpg.Pool, interval_ms: int) -> None:
        """Creates a reconciler.

        Args:
            redis: the Redis that counts holds.
            pool: connections that may read the holds table.
            interval_ms: time between two comparisons. It must exceed the time that a hold needs to reach the holds
                table, and a settlement to reach Redis.
        """
        self._redis = redis
        self._counters = HoldCounters(redis)
        self._pool = pool
        self._events = LedgerEvents(pool)
        self._interval_s = interval_ms / 1_000
        self._seen: dict[str, Differences] = {}
        self._unsettled: dict[str, frozenset[str]] = {}
        """By organization, the finished calls that the last comparison found unsettled."""
        self.reopened = 0
        """Finished calls that got their whole holds back since the start."""
        self.rebuilt = 0
        """Pools dropped since the start."""

    async def run(self) -> None:
        """Compares until canceled."""
        while True:
            try:
                await self.look()
            except (*UNAVAILABLE, asyncpg.PostgresError, RedisError) as error:
                # Differences seen before the failure may have been holds on their way. Start over: two comparisons in a
                # row must agree.
                self._seen.clear()
                self._unsettled.clear()
                logger.info("open holds cannot be compared", extra={"error": type(error).__name__})
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Compares once. Drops the pools with a difference that the last comparison found too."""
        seen: dict[str, Differences] = {}
        unsettled: dict[str, frozenset[str]] = {}
        after = ""
        while heads := await self._events.heads(after, _ORGANIZATIONS_PER_PAGE):
            for organization, _ in heads:
                differences, finished = await self._compare(organization)
                if differences:
                    seen[organization] = differences
                    await self._drop_if_lasting(organization, differences)
                if finished:
                    unsettled[organization] = finished
                    await self._reopen_if_lasting(organization, finished)
            after = heads[-1][0]
        self._seen, self._unsettled = seen, unsettled

    async def _compare(self, organization: str) -> tuple[Differences, frozenset[str]]:
        """Returns the holds that are on one side only, and the finished calls that are not settled."""
        generation, counted, finished = await counted_holds(self._redis, organization)
        if generation is None:
            return frozenset(), frozenset()
        registered = await open_holds(self._pool, organization)
        differences = frozenset((generation, hold_id) for hold_id in counted ^ registered)
        return differences, finished & registered

    async def _reopen_if_lasting(self, organization: str, finished: frozenset[str]) -> None:
        lasting = finished & self._unsettled.get(organization, frozenset())
        if not lasting:
            return
        counters = await counters_of_open_holds(self._pool, organization, sorted(lasting)[:_REOPENED_AT_ONCE])
        for hold_id, names in counters.items():
            self.reopened += await self._counters.reopen(organization, hold_id, names)
        logger.warning(
            "finished calls are not settled: their holds count whole again",
            extra={"organization": organization, "holds": len(lasting)},
        )

    async def _drop_if_lasting(self, organization: str, differences: Differences) -> None:
        lasting = differences & self._seen.get(organization, frozenset())
        if not lasting:
            return
        generation, _ = next(iter(lasting))
        if await self._counters.drop_pool(organization, generation):
            self.rebuilt += 1
            logger.warning(
                "Redis and the holds table differ: rebuilding counters",
                extra={"organization": organization, "holds": len(lasting)},
            )


@asynccontextmanager
async def running(reconciler: Reconciler) -> AsyncIterator[None]:
    """Reconciles while the context is open."""
    async with in_background(reconciler.run()):
        yield
