"""What this process knows about the health of deployments, reread a few times a second. No call waits for it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Final

from gateway_core.model.deployments.health import HEALTHY, caller_of
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.metrics import Labels
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
        self._openings: Counter[str] = Counter()
        self.shut: frozenset[str] = _NOWHERE
        """The places that get no call, except for a trial."""
        self.is_wanted = False
        """Whether calls to virtual models need to know it too."""

    def failed(self, organization: str, api_key: str) -> frozenset[str]:
        """Returns the places that failed a call of this key a moment ago."""
        failed = self._known.failed
        return failed.get(caller_of(organization, api_key), _NOWHERE) if failed else _NOWHERE

    @property
    def has_trials(self) -> bool:
        """Whether this process may try a place."""
        return bool(self._trials)

    def take_trial(self, place: str) -> None:
        """Notes that a call goes to a place. If it is a trial, there is no second one."""
        if place in self._trials:
            self._trials.discard(place)
            self.shut |= {place}

    async def run(self) -> None:
        """Rereads until canceled."""
        while True:
            if self.is_wanted or self._is_needed():
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
        before, self._known = self._known, await self._store.read(now_ms)
        self._count_openings(before, self._known)
        broken = {place: one for place, one in self._known.health.items() if not one.is_closed}
        self._trials &= {place for place, one in broken.items() if one.awaits_trial(now_ms)}
        for place, one in broken.items():
            if one.awaits_trial(now_ms) and place not in self._trials and await self._store.claim_trial(place):
                self._trials.add(place)
        self.shut = frozenset(broken.keys() - self._trials)

    def _count_openings(self, before: Standings, now: Standings) -> None:
        if before is NO_STANDINGS:
            return  # what this process reads first may have opened long ago
        for place, health in now.health.items():
            if health.pauses > before.health.get(place, HEALTHY).pauses:
                self._openings[place] += 1

    def left(self, places: Iterable[str], sole_places: Collection[str]) -> Iterable[tuple[float, Labels]]:
        """Returns which places calls avoid, for a gauge. Places that left the catalog are not among them.

        Args:
            places: the deployments of models that have several.
            sole_places: those of other models, of which calls to virtual models tell.
        """
        known = self._known.health
        told = (*places, *(place for place in known if place in sole_places))
        return [(not known.get(place, HEALTHY).is_closed, {semconv.DEPLOYMENT: place}) for place in told]

    def openings(self) -> Iterable[tuple[float, Labels]]:
        """Returns how often this process saw breakers open, for a counter."""
        return [(count, {semconv.DEPLOYMENT: place}) for place, count in self._openings.copy().items()]

    def is_healthy(self, place: str) -> bool:
        """Returns whether the breaker of a place is closed."""
        return self._known.health.get(place, HEALTHY).is_closed
