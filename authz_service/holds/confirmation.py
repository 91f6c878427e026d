"""Checks that Redis counts every hold in the holds table: one check for every committed batch.

Redis may have been emptied between the placement of a hold and its insertion into the holds table, and rebuilt from a
snapshot without the hold. Or Redis may have been restored from an old snapshot of its own. The check detects both
shortly after the commit:

- Redis counts the hold: done.
- Redis does not count the hold, and the hold is open at a ledger sequence that Redis has not passed: Redis lacks it. If
  the pool has another generation, the hold is added. If it is the pool that the hold was placed on, the pool is old,
  and it is dropped and rebuilt.
- Redis does not count the hold, and the hold is resolved: there is nothing to count.
- There is no pool: a rebuild may be under way from a snapshot older than the hold. The check is repeated until there is
  a pool, or until no such rebuild can be left.

docs/adr/0002 shows why no order of events counts a hold twice or loses it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import asyncpg
from redis.exceptions import RedisError

from authz_service.holds.hold_writer import PlacedHold
from gateway_core.model.record_decorator import record
from gateway_core.runtime.background import end, start
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.hold_counters import HoldCounters

logger = logging.getLogger(__name__)

_FAILURES: Final = (RedisError, asyncpg.PostgresError, *UNAVAILABLE)
_BATCH_ENTRIES: Final = 1_000
_PAUSE_S: Final = 0.1
_LONGEST_REBUILDING_S: Final = 30.0
"""Far longer than the timeouts of PostgreSQL and Redis between a snapshot and the rebuild from it."""


class OpenHolds(Protocol):
    """The holds table."""

    async def open_among(self, organization: str, hold_ids: Sequence[str]) -> tuple[int, frozenset[str]]:
        """Returns the ledger sequence at the time of reading, and which of these holds are open then."""


@record(frozen=True, slots=True)
class _Unconfirmed:
    placed: PlacedHold
    registered_s: float


class Confirmations:
    """A bounded set of recorded holds that Redis is not yet known to count."""

    def __init__(
        self, counters: HoldCounters, open_holds: OpenHolds, clock: Callable[[], float], entries: int = 20_000
    ) -> None:
        """Creates the confirmations.

        Args:
            counters: the counters in Redis.
            open_holds: the holds table in PostgreSQL.
            clock: returns monotonic seconds.
            entries: how many holds may wait while Redis does not answer.
        """
        self._counters = counters
        self._open_holds = open_holds
        self._clock = clock
        self._entries = entries
        self._waiting: dict[str, _Unconfirmed] = {}
        self._wake = asyncio.Event()
        self._nothing_waits = asyncio.Event()
        self._nothing_waits.set()

    @property
    def waiting(self) -> int:
        """The number of holds that are not confirmed yet."""
        return len(self._waiting)

    def registered(self, batch: Sequence[PlacedHold]) -> None:
        """Adds holds that are committed to the holds table.

        usage_service's reconciliation covers those beyond the bound.
        """
        now_s = self._clock()
        room = self._entries - len(self._waiting)
        self._waiting.update({placed.hold.hold_id: _Unconfirmed(placed, now_s) for placed in batch[:room]})
        if room < len(batch):
            logger.warning("holds will not be confirmed: too many are waiting", extra={"holds": len(batch) - room})
        self._nothing_waits.clear()
        self._wake.set()

    async def run(self) -> None:
        """Confirms holds until it is canceled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.look()
            if self._waiting:
                await asyncio.sleep(_PAUSE_S)
                self._wake.set()
            else:
                self._nothing_waits.set()

    async def look(self) -> None:
        """Checks all waiting holds once. Holds that cannot be confirmed yet keep waiting."""
        organizations: dict[str, list[_Unconfirmed]] = {}
        for unconfirmed in self._waiting.values():
            organizations.setdefault(unconfirmed.placed.hold.claims.organization, []).append(unconfirmed)
        for organization, waiting in organizations.items():
            for first in range(0, len(waiting), _BATCH_ENTRIES):
                try:
                    await self._ask(organization, waiting[first : first + _BATCH_ENTRIES])
                except _FAILURES as error:
                    logger.info("holds are waiting for confirmation", extra={"error": type(error).__name__})
                    return

    async def _ask(self, organization: str, batch: Sequence[_Unconfirmed]) -> None:
        holds = [(unconfirmed.placed.hold, unconfirmed.placed.generation) for unconfirmed in batch]
        absent = await self._counters.confirm(organization, holds)
        if absent is None:
            before_s = self._clock() - _LONGEST_REBUILDING_S
            self._forget(unconfirmed for unconfirmed in batch if unconfirmed.registered_s < before_s)
            return
        absent_ids = {hold.hold_id for hold in absent}
        self._forget(unconfirmed for unconfirmed in batch if unconfirmed.placed.hold.hold_id not in absent_ids)
        if absent_ids:
            await self._add(organization, [self._waiting[hold_id].placed for hold_id in absent_ids])

    async def _add(self, organization: str, absent: Sequence[PlacedHold]) -> None:
        """Adds to Redis the absent holds that the holds table has open."""
        sequence, open_ids = await self._open_holds.open_among(organization, [placed.hold.hold_id for placed in absent])
        added = 0
        for placed in absent:
            is_open = placed.hold.hold_id in open_ids
            if is_open and not await self._counters.add(placed.hold, placed.generation, sequence):
                continue
            added += is_open
            del self._waiting[placed.hold.hold_id]
        if added:
            logger.warning("Redis lacked recorded holds", extra={"organization": organization, "holds": added})

    def _forget(self, confirmed: Iterable[_Unconfirmed]) -> None:
        for unconfirmed in confirmed:
            del self._waiting[unconfirmed.placed.hold.hold_id]

    async def all_confirmed(self) -> None:
        """Waits until no hold waits for confirmation."""
        await self._nothing_waits.wait()


@asynccontextmanager
async def running(confirmations: Confirmations, finish_timeout_ms: int) -> AsyncIterator[None]:
    """Confirms while the context is open. On exit, gives the waiting holds a bounded time to be confirmed."""
    task = start(confirmations.run())
    try:
        yield
        with suppress(TimeoutError):
            await asyncio.wait_for(confirmations.all_confirmed(), finish_timeout_ms / 1_000)
    finally:
        await end(task)
