"""Follows the ledgers: about once a second, copies the figures of everyone who was charged to their standings.

A step reads who is in the events after its position, and copies what their counters say now. So a step that is repeated, or done by
two processes, changes nothing. Any number of processes may follow: each locks the position of an organization, and skips what
another has locked.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from usage_service.organization_turns import FAILURES, take_turns
from usage_service.standings.store import StandingStore

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
EVENTS_PER_STEP: Final = 1_000
"""A change of a member waits for the step that copies their figures."""
_STEPS_PER_ROUND: Final = 20
"""Of one organization, before the next has its turn."""
_ORGANIZATIONS_PER_PAGE: Final = 500


class StandingFollower:
    """Keeps the standings in step with the ledgers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._store = StandingStore(pool)

    async def run(self) -> None:
        """Follows until canceled. Rests as long as it worked, so that settlement has PostgreSQL at least half of the time."""
        while True:
            started_s = time.monotonic()
            try:
                is_behind = await self.follow_once()
            except FAILURES as error:
                logger.info("standings are waiting for PostgreSQL", extra={"error": type(error).__name__})
                is_behind = False
            worked_s = time.monotonic() - started_s
            await asyncio.sleep(worked_s if is_behind else max(worked_s, INTERVAL_S))

    async def follow_once(self) -> bool:
        """Gives every organization one turn. Returns whether one of them has more to do at once."""
        return await take_turns(self._behind, self._turn, "standings stay behind")

    async def _behind(self, after: str) -> Sequence[str]:
        return await self._store.behind(after, _ORGANIZATIONS_PER_PAGE)

    async def _turn(self, organization: str) -> bool:
        for _ in range(_STEPS_PER_ROUND):
            step = await self._store.advance(organization, EVENTS_PER_STEP)
            if step is None or not step.is_complete or step.sequence >= step.head:
                return False
        return True


@asynccontextmanager
async def running(follower: StandingFollower) -> AsyncIterator[None]:
    """Follows while the context is open."""
    async with in_background(follower.run()):
        yield
