"""Releases held alerts: about once a second, those whose time has come, or whose rule has changed.

An organization's alerts are released in one transaction, which locks them. So any number of processes may do it, and one that dies
leaves them held.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.held.store import HeldAlerts, organizations_with_held

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
_ORGANIZATIONS_PER_PAGE: Final = 500
_FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError)
_ORGANIZATION: Final = "SELECT time_zone, now() FROM organizations WHERE organization_id = $1"


class HeldFollower:
    """Releases the held alerts of all organizations."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Releases until canceled. Rests as long as it worked."""
        while True:
            started_s = time.monotonic()
            try:
                await self.release_once()
            except _FAILURES as error:
                logger.info("held alerts are waiting for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(max(time.monotonic() - started_s, INTERVAL_S))

    async def release_once(self) -> None:
        """Releases what is due now."""
        after = ""
        while organizations := await self._with_held(after):
            for organization in organizations:
                try:
                    await self._release(organization)
                except _FAILURES as error:
                    logger.warning(
                        "held alerts stay held", extra={"organization": organization, "error": type(error).__name__}
                    )
            after = organizations[-1]

    async def _release(self, organization: str) -> None:
        async with acting_for(self._pool, organization) as connection:
            (row,) = await connection.fetch(_ORGANIZATION, organization)
            await HeldAlerts(connection, organization, ZoneInfo(row["time_zone"]), row["now"]).release()

    async def _with_held(self, after: str) -> list[str]:
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            return list(await organizations_with_held(connection, after, _ORGANIZATIONS_PER_PAGE))


@asynccontextmanager
async def running(follower: HeldFollower) -> AsyncIterator[None]:
    """Releases while the context is open."""
    async with in_background(follower.run()):
        yield
