"""Chooses for each question whether the replica or the primary answers it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import asyncpg

from admin_service.analytics.replicas.freshness import Freshness
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.postgres.connections import UNAVAILABLE, open_replica

logger = logging.getLogger(__name__)

T = TypeVar("T")

AS_OF: Final = "megarouter.as_of"
"""The setting by which a transaction on the replica knows up to when it sees everything."""
_INTERVAL_S: Final = 0.5
PRIMARY: Final = "SELECT pg_current_wal_insert_lsn() - '0/0' AS position, now() AS time"
"""A position in the log of the primary, and a time before which everything committed is before that position."""
REPLICA: Final = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() - '0/0' END"
"""The position up to which a replica has replayed it; NULL if it is none."""
_CONFLICT: Final = asyncpg.SerializationError
"""The replica had to replay what the statement still read."""


class Reads:
    """The pools that answer. `replica` is None if there is none."""

    def __init__(
        self,
        primary: asyncpg.Pool,
        replica: asyncpg.Pool | None,
        freshness: Freshness,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._replica = replica
        self._freshness = freshness
        self._clock_s = clock_s
        self._is_used = False

    async def read(self, work: Callable[[asyncpg.Pool], Awaitable[T]]) -> T:
        """Runs work that only reads with the replica. With the primary, if the replica is too far behind, away, or fails."""
        if self._replica is None or not self._freshness.suffices(self._clock_s()):
            return await work(self._primary)
        try:
            return await work(self._replica)
        except asyncpg.QueryCanceledError:
            raise  # It took too long, which the primary would not change.
        except (*UNAVAILABLE, _CONFLICT) as error:
            logger.info("the primary answers for the replica", extra={"error": type(error).__name__})
        return await work(self._primary)

    async def watch(self) -> None:
        """Measures the replica until canceled."""
        while True:
            await self.measure()
            is_used = self._freshness.suffices(self._clock_s())
            if is_used != self._is_used:
                logger.log(
                    logging.INFO if is_used else logging.WARNING,
                    "the replica answers questions" if is_used else "the replica is away or too far behind",
                )
            self._is_used = is_used
            await asyncio.sleep(_INTERVAL_S)

    async def measure(self) -> None:
        """Measures the replica once."""
        if self._replica is None:
            return
        started_s = self._clock_s()
        try:
            row = await self._primary.fetchrow(PRIMARY)
            replayed = await self._replica.fetchval(REPLICA)
        except (*UNAVAILABLE, asyncpg.PostgresError):
            self._freshness.lose()
            return
        if row is None:
            raise AssertionError("a row without a table")
        self._freshness.note(
            (int(row["position"]), row["time"]), None if replayed is None else int(replayed), started_s
        )


@asynccontextmanager
async def open_reads(settings: AdminSettings, role: str, primary: asyncpg.Pool) -> AsyncIterator[Reads]:
    """Opens the replica of the settings, and watches it."""
    freshness = Freshness(settings.replica_lag_ms / 1_000)
    if settings.database_replica is None:
        yield Reads(primary, None, freshness)
        return

    def begin_with() -> Mapping[str, str]:
        return {} if freshness.as_of is None else {AS_OF: freshness.as_of.isoformat()}

    async with open_replica(settings, role, settings.database_replica, begin_with) as replica:
        reads = Reads(primary, replica, freshness)
        async with in_background(reads.watch()):
            yield reads
