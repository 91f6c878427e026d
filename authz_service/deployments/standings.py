"""What this process knows about the health of deployments, reread a few times a second. No call waits for it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway_core.model.deployments.health import HEALTHY, caller_of
from gateway_core.stores.redis.connections import UNAVAILABLE
from gateway_core.stores.redis.deployments import NO_STANDINGS, DeploymentStandings, Standings

logger = logging.getLogger(__name__)

_PAUSE_S: Final = 0.2
"""With the 0.1 s after which Envoy reports a call, less than the shortest pause of SDKs before they retry."""
_NOWHERE: Final[frozenset[str]] = frozenset()


class KnownStandings:
    """The health of deployments, and the trials that this process may make."""

    def __init__(self, store: DeploymentStandings, is_needed: Callable[[], bool], now_ms: Callable[[], int]) -> None:
        """Creates it.

        Args:
            store: what all replicas share.
            is_needed: returns whether any model has several deployments.
            now_ms: returns the time in milliseconds since the epoch.
        """
        self._store = store
        self._is_needed = is_needed
        self._now_ms = now_ms
        self._known: Standings = NO_STANDINGS
        self._trials: set[str] = set()
        self.shut: frozenset[str] = _NOWHERE
        """The places that get no call, except for a trial."""

    def failed(self, organization: str, api_key: str) -> frozenset[str]:
        """Returns the places that failed a call of this key a moment ago."""
        failed = self._known.failed
        return failed.get(caller_of(organization, api_key), _NOWHERE) if failed else _NOWHERE

    def take_trial(self, place: str) -> None:
        """Notes that a call goes to a place. If it is a trial, there is no second one."""
        if place in self._trials:
            self._trials.discard(place)
            self.shut |= {place}

    async def run(self) -> None:
        """Rereads until canceled."""
        while True:
            if self._is_needed():
                try:
                    await self.reread()
                except UNAVAILABLE as error:
                    logger.info("the health of deployments is not reread", extra={"error": type(error).__name__})
            await asyncio.sleep(_PAUSE_S)

    async def reread(self) -> None:
        """Reads what all replicas know, and claims the trials that are due.

        Raises:
            Errors in `connections.UNAVAILABLE`, if Redis does not answer.
        """
        now_ms = self._now_ms()
        self._known = await self._store.read(now_ms)
        broken = {place: one for place, one in self._known.health.items() if not one.is_closed}
        self._trials &= {place for place, one in broken.items() if one.awaits_trial(now_ms)}
        for place, one in broken.items():
            if one.awaits_trial(now_ms) and place not in self._trials and await self._store.claim_trial(place):
                self._trials.add(place)
        self.shut = frozenset(broken.keys() - self._trials)

    def is_healthy(self, place: str) -> bool:
        """Returns whether the breaker of a place is closed."""
        return self._known.health.get(place, HEALTHY).is_closed
