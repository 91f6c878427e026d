"""Follows the ledgers: about once a second, alerts of thresholds that an organization's budgets have crossed.

A step looks at the budgets that were charged or changed since the last one. It writes its events, what is to be sent, and its
position in one transaction. So nothing is reported twice or left out, whenever a process dies. Any number of processes may follow:
each locks the position of an organization, and skips what another has locked.

A step takes the whole ledger after its position: PostgreSQL adds up the charges, and only what crossed a threshold is read call by
call.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.alerts.crossings import Crossing, decide
from gateway_core.model.alerts.event_types import THRESHOLD_REACHED
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.events import Event, event_of
from usage_service.alerts.recipients import addressees
from usage_service.alerts.store import AlertStore, Claimed, begin, organizations_behind

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
_ORGANIZATIONS_PER_PAGE: Final = 500
_FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError)


class AlertFollower:
    """Keeps the alerts in step with the ledgers."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Follows until canceled. Rests as long as it worked, so that settlement has PostgreSQL at least half of the time."""
        while True:
            started_s = time.monotonic()
            try:
                await self.follow_once()
            except _FAILURES as error:
                logger.info("alerts are waiting for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(max(time.monotonic() - started_s, INTERVAL_S))

    async def follow_once(self) -> None:
        """Gives every organization that has news one step."""
        after = ""
        while organizations := await self._behind(after):
            for organization in organizations:
                try:
                    await self.step(organization)
                except asyncpg.SerializationError:
                    # Another process has just made this step.
                    logger.debug("alerts were decided elsewhere", extra={"organization": organization})
                except _FAILURES as error:
                    logger.warning(
                        "alerts stay behind", extra={"organization": organization, "error": type(error).__name__}
                    )
            after = organizations[-1]

    async def step(self, organization: str) -> None:
        """Decides about everything that is new in an organization. Repeating that changes nothing."""
        async with acting_for(self._pool, organization) as connection:
            await begin(connection, organization)
        async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
            claimed = await AlertStore.claim(connection, organization)
            if claimed is not None:
                await _decide(AlertStore(connection, claimed), claimed)

    async def _behind(self, after: str) -> list[str]:
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            return list(await organizations_behind(connection, after, _ORGANIZATIONS_PER_PAGE))


async def _decide(store: AlertStore, claimed: Claimed) -> None:
    budgets = await store.budgets()
    rules = await store.rules() if budgets else []
    decision = decide(budgets, rules, await store.states(budgets) if rules else {})
    if decision.crossings:
        admins = await store.admins()
        await store.write(
            [
                (await _event(store, claimed, one), addressees(one.rule.recipients, one.budget.place, admins))
                for one in decision.crossings
            ]
        )
    await store.finish(decision)


async def _event(store: AlertStore, claimed: Claimed, crossing: Crossing) -> Event:
    call = await store.crossing_call(crossing) if crossing.event_type == THRESHOLD_REACHED else None
    return event_of(claimed.organization, crossing, call, claimed.zone)


@asynccontextmanager
async def running(follower: AlertFollower) -> AsyncIterator[None]:
    """Follows while the context is open."""
    async with in_background(follower.run()):
        yield
