"""Expires holds without a report by their organizations' policies. Any number of sweepers may run concurrently."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.calls.holds import Hold, HoldTokenError, verify_hold_by_any
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.runtime.background import in_background
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.settlement.charge_decision import CallReport, expire
from usage_service.settlement.entries import SettlementCounts
from usage_service.settlement.expiry_store import ExpiredHold, lock_expired_holds
from usage_service.settlement.rows import RecordedSettlement, Settlement
from usage_service.settlement.settler import Committed, UnknownPriceError
from usage_service.settlement.store import settle_batch

logger = logging.getLogger(__name__)

_MAX_PASSED_OVER: Final = 1_000

PricesOf = Callable[[Hold], Awaitable[tuple[Model, PriceSchedule]]]


class Sweeper:
    """Sweeps expired holds. It begins only once everything reported before the start is settled, to avoid needless estimates."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        prices: PricesOf,
        signing_keys: Sequence[bytes],
        on_committed: Committed,
        counts: SettlementCounts,
        *,
        batch_entries: int,
        interval_ms: int,
    ) -> None:
        """Creates a sweeper.

        Args:
            pool: connections that may write settlements.
            prices: returns the model and the prices that a hold names.
            signing_keys: the keys of hold tokens, the current one first.
            on_committed: receives expired holds after their commit; must not block or raise.
            counts: where expired holds are counted.
            batch_entries: how many holds expire in one transaction.
            interval_ms: time between two sweeps.
        """
        self._pool = pool
        self._prices = prices
        self._signing_keys = signing_keys
        self._on_committed = on_committed
        self._counts = counts
        self._batch_entries = batch_entries
        self._interval_s = interval_ms / 1_000
        self._passed_over: BoundedMemory[str, None] = BoundedMemory(_MAX_PASSED_OVER)

    async def run(self, replayed: asyncio.Event) -> None:
        """Sweeps until canceled, once `replayed` is set."""
        await replayed.wait()
        while True:
            try:
                while await self.sweep_once() == self._batch_entries:
                    pass
            except (*UNAVAILABLE, asyncpg.PostgresError) as error:
                logger.warning("expired holds are waiting for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(self._interval_s)

    async def sweep_once(self) -> int:
        """Expires one batch. Returns how many expired holds it found."""
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            expired = await lock_expired_holds(connection, self._batch_entries, list(self._passed_over))
            settlements = [found for hold in expired if (found := await self._decide(hold)) is not None]
            result = await settle_batch(connection, settlements)
        self._note(result.recorded)
        return len(expired)

    async def _decide(self, expired: ExpiredHold) -> Settlement | None:
        """Decides an expired hold; returns None if it cannot be decided and so stays open and visible."""
        try:
            hold = verify_hold_by_any(expired.token, self._signing_keys)
            _, schedule = await self._prices(hold)
        except (HoldTokenError, UnknownPriceError):
            logger.exception("hold cannot be expired", extra={"hold_id": expired.hold_id})
            self._passed_over.remember(expired.hold_id, None)
            return None
        return Settlement(hold, _no_report(expired.token), expire(hold, expired.policy, schedule))

    def _note(self, recorded: tuple[RecordedSettlement, ...]) -> None:
        if not recorded:
            return
        self._counts.expired += len(recorded)
        self._on_committed(recorded)
        logger.warning("holds expired without a report and are unconfirmed", extra={"calls": len(recorded)})


def _no_report(token: str) -> CallReport:
    """Returns an empty report, for a call without one."""
    return CallReport(
        token=token,
        facts={},
        http_status=0,
        flags=frozenset(),
        details="",
        upstream_host=None,
        attempts=0,
        request_bytes=0,
        response_bytes=0,
        duration_ms=None,
        time_to_first_byte_ms=None,
        request_id="",
        trace_id=None,
        traceparent=None,
    )


@asynccontextmanager
async def running(sweeper: Sweeper, replayed: asyncio.Event) -> AsyncIterator[None]:
    """Sweeps while the context is open."""
    async with in_background(sweeper.run(replayed)):
        yield
