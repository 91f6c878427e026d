"""Receives refused calls from Envoy's access log, and stores them at most once a second."""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
from envoy.data.accesslog.v3 import accesslog_pb2

from gateway_core.contract.access_log_line import ABSENT, REFUSAL_TAG, SEPARATOR
from gateway_core.contract.metadata import RefusedCall, decode_refusal
from gateway_core.model.calls.holds import Hold, HoldTokenError
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.refusals.counts import RefusalCounts
from usage_service.refusals.store import RefusalStore

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
RETENTION: Final = dt.timedelta(days=90)
MAX_STORED_ROWS: Final = 2_000_000
_DELETE_EVERY: Final = 600
"""Rounds between two deletions of old rows."""
_DELETED_AT_ONCE: Final = 5_000
_VALUES: Final = 3
_AT_A_STRETCH: Final = 200

VerifyHold = Callable[[str], Hold]


class RefusalRecorder:
    """Counts refused calls, and stores the counts."""

    def __init__(self, pool: asyncpg.Pool, verify: VerifyHold, clock: Callable[[], dt.datetime]) -> None:
        """Creates a recorder.

        Args:
            pool: connections of usage_service.
            verify: reads a hold token, which says whose call ratelimit_service refused.
            clock: decides in which minute a refusal counts.
        """
        self._store = RefusalStore(pool)
        self._verify = verify
        self._clock = clock
        self.counts = RefusalCounts()

    async def take(self, entries: Iterable[accesslog_pb2.HTTPAccessLogEntry]) -> None:
        """Counts the calls of entries with the tag `REFUSAL_TAG`. Skips malformed ones."""
        now = self._clock()
        for number, entry in enumerate(entries):
            if number % _AT_A_STRETCH == _AT_A_STRETCH - 1:
                await asyncio.sleep(0)
            call = self._read(entry.common_properties.custom_tags[REFUSAL_TAG])
            if call is not None:
                self.counts.note(call, now)

    def _read(self, line: str) -> RefusedCall | None:
        values = line.split(SEPARATOR)
        if len(values) != _VALUES:
            return None
        decided, limited, token = ("" if value in ABSENT else value for value in values)
        if decided:
            return decode_refusal(decided)
        call = decode_refusal(limited)
        if call is None or not token:
            return call
        try:
            claims = self._verify(token).claims
        except HoldTokenError:
            return call
        return RefusedCall(
            call.reason, call.scope, claims.organization, claims.member, claims.api_key, claims.group_path
        )

    async def store_once(self) -> None:
        """Stores what was counted since the last time. If that fails, it is counted again."""
        taken = self.counts.take()
        if not taken:
            return
        try:
            await self._store.add(taken)
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            self.counts.put_back(taken)
            logger.warning("refused calls wait for PostgreSQL", extra={"error": type(error).__name__})

    async def delete_outdated(self) -> None:
        """Deletes old rows, a bounded number of them."""
        try:
            await self._store.delete_outdated(self._clock() - RETENTION, MAX_STORED_ROWS, _DELETED_AT_ONCE)
        except (*UNAVAILABLE, asyncpg.PostgresError) as error:
            logger.warning("old refused calls are waiting for PostgreSQL", extra={"error": type(error).__name__})

    async def run(self) -> None:
        """Stores once a second until canceled."""
        rounds = 0
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self.store_once()
            if rounds % _DELETE_EVERY == 0:
                await self.delete_outdated()
            rounds += 1


@asynccontextmanager
async def running(recorder: RefusalRecorder) -> AsyncIterator[None]:
    """Stores while the context is open, and a last time at its end."""
    async with in_background(recorder.run()):
        yield
    await recorder.store_once()
