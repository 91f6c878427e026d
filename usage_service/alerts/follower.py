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
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.alerts.crossings import Crossing, Key, State, decide
from gateway_core.model.alerts.event_types import BUDGET_RESET, OF_BUDGETS, THRESHOLD_REACHED
from gateway_core.model.alerts.rules import Rule
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Told, decide_conditions
from usage_service.alerts.events import Happening, crossing_happening, event_of
from usage_service.alerts.incidents.store import Incidents
from usage_service.alerts.looks import next_look
from usage_service.alerts.recipients import addressees
from usage_service.alerts.sources.all_sources import SOURCES
from usage_service.alerts.sources.providers import provider_health
from usage_service.alerts.sources.source import Found, ProviderHealth, View
from usage_service.alerts.store import AlertStore, begin, organizations_behind
from usage_service.organization_turns import FAILURES, take_turns

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
_OF_STATES: Final = (*OF_BUDGETS, BUDGET_RESET)
"""Events that follow from which thresholds of a budget are reached."""
_HEALTH_INTERVAL_S: Final = 10.0
_ORGANIZATIONS_PER_PAGE: Final = 500


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

    async def run(self) -> None:
        """Follows until canceled. Rests as long as it worked, so that settlement has PostgreSQL at least half of the time."""
        while True:
            started_s = time.monotonic()
            try:
                await self.follow_once()
            except FAILURES as error:
                logger.info("alerts are waiting for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(max(time.monotonic() - started_s, INTERVAL_S))

    async def follow_once(self) -> None:
        """Gives every organization that has news one step."""
        await self._account_refusals.store(self._pool)
        await self._look_at_providers()
        await take_turns(self._behind, self._turn, "alerts stay behind")

    async def _turn(self, organization: str) -> bool:
        try:
            await self.step(organization)
        except asyncpg.SerializationError:
            # Another process has just made this step.
            logger.debug("alerts were decided elsewhere", extra={"organization": organization})
        return False

    async def step(self, organization: str) -> None:
        """Decides about everything that is new in an organization. Repeating that changes nothing."""
        async with acting_for(self._pool, organization) as connection:
            await begin(connection, organization)
        async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
            claimed = await AlertStore.claim(connection, organization)
            if claimed is not None:
                store = AlertStore(connection, claimed)
                await _decide(store, View(connection, claimed, await store.rules(), self._health))

    async def _look_at_providers(self) -> None:
        """Learns how providers do, once for all organizations."""
        now_s = time.monotonic()
        if now_s >= self._health_until_s:
            self._health = await provider_health(self._pool)
            self._health_until_s = now_s + _HEALTH_INTERVAL_S

    async def _behind(self, after: str) -> list[str]:
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            return list(await organizations_behind(connection, after, _ORGANIZATIONS_PER_PAGE))


async def _decide(store: AlertStore, view: View) -> None:
    claimed, rules = view.claimed, view.rules
    told, states = await _of_budgets(store, claimed, rules)
    found = [await source.find(view.of(source)) for source in SOURCES if view.concerns(source)]
    conditions = [condition for one in found for condition in one.conditions]
    if conditions:
        known = await store.states(one.occasion for one in conditions)
        begun, changed = decide_conditions(conditions, known)
        told, states = [*told, *begun], {**states, **changed}
    told.extend(one for some in found for one in some.told)
    incidents = Incidents(view, store.held())
    if told:
        admins = await store.admins()
        await store.write(
            [
                (
                    event_of(claimed.organization, rule, happening),
                    addressees(rule.recipients, happening.place, admins),
                )
                for rule, happening in told
            ],
            incidents,
        )
    await _finish(store, view, states, found, incidents)


async def _finish(
    store: AlertStore, view: View, states: Mapping[Key, State], found: Sequence[Found], incidents: Incidents
) -> None:
    claimed = view.claimed
    await store.finish(states, next_look(claimed, (one.look_again_s for one in found)))
    # A rule that was deleted is only in the audit log.
    is_any_over = claimed.has_changes or claimed.has_new_entries or claimed.is_look_due
    left = None if is_any_over else [key for key, state in states.items() if not state.is_reached]
    await incidents.close(view.rules, left)


async def _of_budgets(
    store: AlertStore, claimed: Claimed, rules: Sequence[Rule]
) -> tuple[list[Told], Mapping[Key, State]]:
    budgets = await store.budgets()
    concerned = [rule for rule in rules if not rule.event_types.isdisjoint(_OF_STATES)] if budgets else []
    if not concerned:
        return [], {}
    decision = decide(budgets, concerned, await store.states(one.counter.encode() for one in budgets))
    told = [(one.rule, await _happening(store, claimed, one)) for one in decision.crossings]
    return told, decision.states


async def _happening(store: AlertStore, claimed: Claimed, crossing: Crossing) -> Happening:
    call = await store.crossing_call(crossing) if crossing.event_type == THRESHOLD_REACHED else None
    return crossing_happening(claimed.organization, crossing, call, claimed.zone)


@asynccontextmanager
async def running(follower: AlertFollower) -> AsyncIterator[None]:
    """Follows while the context is open."""
    async with in_background(follower.run()):
        yield
