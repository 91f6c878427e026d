"""Follows the ledgers: about once a second, alerts of thresholds that an organization's budgets have crossed.

A round is about the organizations that this process has settled calls of, and those in which something changed lately. So it costs
little, however many organizations there are. Every few seconds, a round looks at all of them: for what another process settled
before it died, and for what went wrong.

A step looks at the budgets that were charged or changed since the last one. It writes its events, what is to be sent, and its
position in one transaction. So nothing is reported twice or left out, whenever a process dies. Any number of processes may follow:
each locks the position of an organization, and skips what another has locked.

A step takes the whole ledger after its position: PostgreSQL adds up the charges, and only what crossed a threshold is read call by
call.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.sources.providers import provider_health
from usage_service.alerts.sources.source import ProviderHealth, View
from usage_service.alerts.steps.decisions import OF_THE_STEP, Step
from usage_service.alerts.store import AlertStore, begin, organizations_behind
from usage_service.organization_turns import FAILURES, take_turns

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
LOOK_INTERVAL_S: Final = 10.0
"""Looking at all organizations took 124 ms of PostgreSQL's CPU for 10,000 of them."""
_HEALTH_INTERVAL_S: Final = 10.0
_ORGANIZATIONS_PER_PAGE: Final = 500
_MOST_NOTED: Final = 10_000
"""Organizations that a round can be about. With more, the next round looks at all."""


class AlertFollower:
    """Keeps the alerts in step with the ledgers."""

    def __init__(self, pool: asyncpg.Pool, account_refusals: AccountRefusals) -> None:
        """Creates a follower.

        Args:
            pool: connections of usage_service.
            account_refusals: what the calls that this process settles say about providers.
        """
        self._pool = pool
        self._account_refusals = account_refusals
        self._health: Mapping[str, ProviderHealth] = {}
        self._health_until_s = 0.0
        self._noted: set[str] = set()
        self._look_after_s = 0.0
        self.failures: Counter[str] = Counter()
        """How often each source of events has failed in this process."""

    def committed(self, organizations: Iterable[str]) -> None:
        """Notes that settlements of these organizations have been committed."""
        self._noted.update(organizations)

    async def run(self) -> None:
        """Follows until canceled. Rests as long as it worked, so that settlement has PostgreSQL at least half of the time."""
        while True:
            started_s = time.monotonic()
            try:
                await self._next_round(started_s)
            except FAILURES as error:
                logger.info("alerts are waiting for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(max(time.monotonic() - started_s, INTERVAL_S))

    async def _next_round(self, now_s: float) -> None:
        if now_s < self._look_after_s and len(self._noted) <= _MOST_NOTED:
            await self.follow_lately()
        else:
            await self.follow_once()
            self._look_after_s = now_s + LOOK_INTERVAL_S

    async def follow_once(self) -> None:
        """Gives every organization that has news one step."""
        self._noted.clear()
        await self._follow(None)

    async def follow_lately(self) -> None:
        """Gives one step to the organizations with news that this process knows of, or that are of the last half minute."""
        noted = sorted(self._noted)
        self._noted.clear()
        try:
            await self._follow(noted)
        except BaseException:
            self._noted.update(noted)
            raise

    async def _follow(self, among: Sequence[str] | None) -> None:
        await self._account_refusals.store(self._pool)
        await self._look_at_providers()
        await take_turns(partial(self._behind, among), self._turn, "alerts stay behind")

    async def _turn(self, organization: str) -> bool:
        # There may be more to do, in the next round.
        self._noted.add(organization)
        try:
            await self.step(organization)
        except asyncpg.SerializationError:
            # Another process has just made this step.
            logger.debug("alerts were decided elsewhere", extra={"organization": organization})
        except FAILURES:
            raise
        except Exception as error:  # noqa: BLE001 - one organization must not stop the others
            # Without the message, which may quote untrusted data.
            logger.error(  # noqa: TRY400
                "alerts stay behind", extra={"organization": organization, "error": type(error).__name__}
            )
        return False

    async def step(self, organization: str) -> None:
        """Decides about everything that is new in an organization. Repeating that changes nothing."""
        async with acting_for(self._pool, organization) as connection:
            await begin(connection, organization)
        try:
            await self._make_step(organization, is_isolated=False)
        except OF_THE_STEP:
            raise
        except Exception as error:  # noqa: BLE001 - one source must not stop the others
            extra = {"organization": organization, "error": type(error).__name__}
            logger.info("a step of alerts is made again, source by source", extra=extra)
            await self._make_step(organization, is_isolated=True)

    async def _make_step(self, organization: str, *, is_isolated: bool) -> None:
        async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
            claimed = await AlertStore.claim(connection, organization)
            if claimed is not None:
                store = AlertStore(connection, claimed)
                view = View(connection, claimed, await store.rules(), self._health)
                await Step(store, view, self.failures, is_isolated=is_isolated or claimed.has_lags).make()

    async def _look_at_providers(self) -> None:
        """Learns how providers do, once for all organizations."""
        now_s = time.monotonic()
        if now_s >= self._health_until_s:
            self._health = await provider_health(self._pool)
            self._health_until_s = now_s + _HEALTH_INTERVAL_S

    async def _behind(self, among: Sequence[str] | None, after: str) -> list[str]:
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            return list(await organizations_behind(connection, after, _ORGANIZATIONS_PER_PAGE, among))


@asynccontextmanager
async def running(follower: AlertFollower) -> AsyncIterator[None]:
    """Follows while the context is open."""
    async with in_background(follower.run()):
        yield
