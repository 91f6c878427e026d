"""Makes sure that Redis counts what the register has: asks once for every batch, after it is committed.

Redis may have been emptied between the placing of a hold and its registration, and rebuilt from a snapshot of the register that
does not have the hold yet; or it may have gone back to a snapshot of its own. Both are seen here, within a moment of the commit:

- the hold is counted: all is well, and nobody looks at it again;
- it is not, and the register has it open at a sequence of the ledger that Redis has not passed: Redis lacks it. On a pool of
  another generation it is added; on the very pool it was placed on, that pool is old, and dropped to be rebuilt;
- it is not, and it is not open any more: there is nothing to count;
- there is no pool: a rebuilding may be under way from a snapshot older than the hold, so it is asked again until there is one,
  or until no such rebuilding can be left.

Why no order of events counts a hold twice or forgets it: docs/adr/0002.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import asyncpg
from redis.exceptions import RedisError

from authz_service.holds.holds_table import PlacedHold
from gateway_core.model.records import record
from gateway_core.runtime.background import end, start
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.hold_counters import HoldCounters

logger = logging.getLogger(__name__)

_FAILURES: Final = (RedisError, asyncpg.PostgresError, *UNAVAILABLE)
_BATCH_ENTRIES: Final = 1_000
_PAUSE_S: Final = 0.1
_LONGEST_REBUILDING_S: Final = 30.0
"""Far beyond the timeouts of PostgreSQL and Redis between a snapshot and the rebuilding from it."""


class OpenHolds(Protocol):
    """The register of holds."""

    async def open_among(self, organization: str, hold_ids: Sequence[str]) -> tuple[int, frozenset[str]]:
        """Which of these holds are open, and the sequence of the ledger at which that is true."""


@record(frozen=True, slots=True)
class _Unconfirmed:
    placed: PlacedHold
    registered_s: float


class Confirmations:
    """Registered holds of which it is not known yet that Redis counts them: a bounded number."""

    def __init__(
        self, counters: HoldCounters, register: OpenHolds, clock: Callable[[], float], entries: int = 20_000
    ) -> None:
        """Prepares confirmations.

        Args:
            counters: of Redis.
            register: of PostgreSQL.
            clock: monotonic seconds.
            entries: how many may wait while Redis does not answer.
        """
        self._counters = counters
        self._register = register
        self._clock = clock
        self._entries = entries
        self._waiting: dict[str, _Unconfirmed] = {}
        self._wake = asyncio.Event()
        self._nothing_waits = asyncio.Event()
        self._nothing_waits.set()

    @property
    def waiting(self) -> int:
        """Holds that are not confirmed yet."""
        return len(self._waiting)

    def registered(self, batch: Sequence[PlacedHold]) -> None:
        """Takes note of holds that are in the register. Those beyond the bound are left to usage_service's comparison."""
        now_s = self._clock()
        room = self._entries - len(self._waiting)
        self._waiting.update({placed.hold.hold_id: _Unconfirmed(placed, now_s) for placed in batch[:room]})
        if room < len(batch):
            logger.warning("holds will not be confirmed: too many wait", extra={"holds": len(batch) - room})
        self._nothing_waits.clear()
        self._wake.set()

    async def run(self) -> None:
        """Confirms until cancelled."""
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
        """Asks once about everything that waits; what cannot be told yet goes on waiting."""
        organizations: dict[str, list[_Unconfirmed]] = {}
        for unconfirmed in self._waiting.values():
            organizations.setdefault(unconfirmed.placed.hold.claims.organization, []).append(unconfirmed)
        for organization, waiting in organizations.items():
            for first in range(0, len(waiting), _BATCH_ENTRIES):
                try:
                    await self._ask(organization, waiting[first : first + _BATCH_ENTRIES])
                except _FAILURES as error:
                    logger.info("holds wait to be confirmed", extra={"error": type(error).__name__})
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
        """Has Redis count what the register has open."""
        sequence, open_ids = await self._register.open_among(organization, [placed.hold.hold_id for placed in absent])
        added = 0
        for placed in absent:
            is_open = placed.hold.hold_id in open_ids
            if is_open and not await self._counters.add(placed.hold, placed.generation, sequence):
                continue
            added += is_open
            del self._waiting[placed.hold.hold_id]
        if added:
            logger.warning("Redis lacked registered holds", extra={"organization": organization, "holds": added})

    def _forget(self, confirmed: Iterable[_Unconfirmed]) -> None:
        for unconfirmed in confirmed:
            del self._waiting[unconfirmed.placed.hold.hold_id]

    async def all_confirmed(self) -> None:
        """Waits until nothing waits."""
        await self._nothing_waits.wait()


@asynccontextmanager
async def running(confirmations: Confirmations, finish_timeout_ms: int) -> AsyncIterator[None]:
    """Confirms while the context is open, and for a bounded time what waits when it closes."""
    task = start(confirmations.run())
    try:
        yield
        with suppress(TimeoutError):
            await asyncio.wait_for(confirmations.all_confirmed(), finish_timeout_ms / 1_000)
    finally:
        await end(task)
