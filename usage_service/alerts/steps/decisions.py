"""Asks the sources what happened, and writes it.

All sources share the transaction of a step. If one of them fails, the step is made again with a savepoint for each, so that only
the failed one is undone. It keeps its position, and is asked again later from there: no alert is lost or repeated.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

import asyncpg

from gateway_core.model.alerts.crossings import Key, State
from usage_service.alerts.conditions import decide_conditions
from usage_service.alerts.events import event_of
from usage_service.alerts.incidents.store import Incidents
from usage_service.alerts.looks import next_look
from usage_service.alerts.recipients import addressees
from usage_service.alerts.sources.all_sources import SOURCES
from usage_service.alerts.sources.source import Found, Source, View
from usage_service.alerts.steps.budgets import BUDGETS
from usage_service.alerts.steps.lags import Lags
from usage_service.alerts.store import AlertStore

logger = logging.getLogger(__name__)

INCIDENTS: Final = "incidents"
"""Counts among the sources that fail."""
ALL_SOURCES: Final = (BUDGETS, *SOURCES)
OF_THE_STEP: Final = (
    asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError,
    asyncpg.InternalClientError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError, asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError, ConnectionError,
)  # fmt: skip
"""What is the fault of no source: the whole step is made again."""


class Step:
    """A step of one organization."""

    def __init__(self, store: AlertStore, view: View, failures: Counter[str], *, is_isolated: bool) -> None:
        """Prepares a step.

        Args:
            store: of its transaction.
            view: what all sources look at.
            failures: counts the failures of each source.
            is_isolated: whether a source that fails is undone by itself. It costs a savepoint for each source.
        """
        self._store = store
        self._view = view
        self._failures = failures
        self._is_isolated = is_isolated
        self._incidents = Incidents(view, store.held())
        self._states: dict[Key, State] = {}

    async def make(self) -> None:
        """Decides about everything that is new."""
        lags = await Lags.of(self._view.connection, self._view.claimed)
        again_s = [await self._ask(source, lags) for source in ALL_SOURCES]
        claimed = self._view.claimed
        await self._store.advance(next_look(claimed, again_s))
        # A rule that was deleted is only in the audit log.
        is_any_over = claimed.has_changes or claimed.has_new_entries or claimed.is_look_due
        left = None if is_any_over else [key for key, state in self._states.items() if not state.is_reached]
        try:
            async with self._savepoint():
                await self._incidents.close(self._view.rules, left)
        except OF_THE_STEP:
            raise
        except Exception as error:
            if not self._is_isolated:
                raise
            # Every look compares all incidents, so nothing is lost.
            self._note(INCIDENTS, error)

    async def _ask(self, source: Source, lags: Lags) -> float | None:
        """Asks a source, and writes what it found. Returns in how many seconds it wants to look again."""
        lag, claimed = lags.get(source.name), self._view.claimed
        if lag is not None and lag.retry_time > claimed.now:
            return None
        view = self._view if lag is None else replace(self._view, claimed=lag.claimed(claimed))
        if not view.concerns(source):
            await lags.caught_up(source.name)
            return None
        try:
            async with self._savepoint():
                found = await source.find(view.of(source))
                states = await self._write(found)
        except OF_THE_STEP:
            raise
        except Exception as error:
            if not self._is_isolated:
                raise
            self._note(source.name, error)
            await lags.failed(source.name)
            return None
        self._states |= states
        await lags.caught_up(source.name)
        return found.look_again_s

    def _note(self, source: str, error: Exception) -> None:
        # Without the message, which may quote untrusted data.
        extra = {"organization": self._view.claimed.organization, "source": source, "error": type(error).__name__}
        logger.error("a source of alerts failed", extra=extra)
        self._failures[source] += 1

    def _savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self._view.connection.transaction() if self._is_isolated else nullcontext()

    async def _write(self, found: Found) -> Mapping[Key, State]:
        told, states = list(found.told), dict(found.states)
        if found.conditions:
            known = await self._store.states(one.occasion for one in found.conditions)
            begun, changed = decide_conditions(found.conditions, known)
            told, states = [*begun, *told], {**states, **changed}
        if told:
            organization, admins = self._view.claimed.organization, await self._store.admins()
            events = [
                (event_of(organization, rule, one), addressees(rule.recipients, one.place, admins))
                for rule, one in told
            ]
            await self._store.write(events, self._incidents)
        await self._store.put_states(states)
        return states
