"""Gives back what finished calls leave of their holds as soon as they are reported, before and apart from settlement."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from redis.exceptions import RedisError

from gateway_core.model.limits.throttles import ThrottleKind
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.hold_counters import FinishedCall, HoldCounters
from gateway_core.stores.redis.pipelined import ScriptClient
from usage_service.settlement.rows import Settlement

logger = logging.getLogger(__name__)

_FAILURES: Final = (RedisError, *UNAVAILABLE)
_CONCURRENT_ORGANIZATIONS: Final = 8
_MOST_WAITING: Final = 10_000
_MOST_WANTED: Final = 10_000
_CALLS: Final = f"{ThrottleKind.CALLS}:"


class FinishedCalls:
    """A bounded set of finished calls that Redis does not know yet.

    It is no more than an early notice. What Redis does not take, the settlement gives back a moment later. So it is given
    only where another call may wait for it: for calls under a limit of concurrent calls, and in organizations whose calls
    have lately waited for each other.
    """

    def __init__(self, redis: ScriptClient) -> None:
        self._counters = HoldCounters(redis)
        self._waiting: dict[str, list[FinishedCall]] = {}
        self._waiting_count = 0
        self._wanted: set[str] = set()
        """Organizations whose calls have lately waited for each other."""
        self._wake = asyncio.Event()

    def note_waits(self, organization: str, waits: bool) -> None:  # noqa: FBT001
        """Notes whether calls of an organization have lately waited for each other."""
        if not waits:
            self._wanted.discard(organization)
        elif len(self._wanted) < _MOST_WANTED:
            self._wanted.add(organization)

    def add(self, settlements: Sequence[Settlement]) -> None:
        """Queues calls that are decided but not committed yet. Ignores those beyond the bound."""
        for settlement in settlements:
            organization = settlement.hold.claims.organization
            if self._waiting_count < _MOST_WAITING and self._is_wanted(organization, settlement):
                self._waiting.setdefault(organization, []).append(_finished(settlement))
                self._waiting_count += 1
        if self._waiting:
            self._wake.set()

    def _is_wanted(self, organization: str, settlement: Settlement) -> bool:
        return organization in self._wanted or any(name.startswith(_CALLS) for name in settlement.throttles)

    async def run(self) -> None:
        """Passes finished calls to Redis until canceled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting, self._waiting_count = self._waiting, {}, 0
            gate = asyncio.Semaphore(_CONCURRENT_ORGANIZATIONS)
            await asyncio.gather(*(self._finish(gate, organization, calls) for organization, calls in waiting.items()))

    async def _finish(self, gate: asyncio.Semaphore, organization: str, calls: Sequence[FinishedCall]) -> None:
        async with gate:
            try:
                await self._counters.finish(organization, calls)
            except _FAILURES as error:
                logger.info(
                    "finished calls keep their holds until they are settled",
                    extra={"organization": organization, "calls": len(calls), "error": type(error).__name__},
                )


def _finished(settlement: Settlement) -> FinishedCall:
    return FinishedCall(
        hold_id=settlement.hold.hold_id,
        charge_nano_credits=settlement.resolution.charge_nano_credits,
        used_tokens=settlement.used_tokens,
        counters=settlement.counters,
        throttles=settlement.throttles,
    )


@asynccontextmanager
async def running(finished_calls: FinishedCalls) -> AsyncIterator[None]:
    """Passes finished calls to Redis while the context is open."""
    async with in_background(finished_calls.run()):
        yield
