"""The number of placements that each organization is known to have made. It detects a Redis restored from an old
snapshot.

A replica knows its own placements immediately, and those of other replicas from the holds table. What it read there is
at most a second old. So a Redis that was away for longer meets only replicas that read the table again.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.runtime.single_flight import SingleFlight
from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_MAX_AGE_S: Final = 1.0

HighestPlacement = Callable[[str], Coroutine[Any, Any, int]]


@dataclass(slots=True)
class _Floor:
    placements: int
    read_s: float


class PlacementFloors:
    """A cache of floors for a bounded number of organizations."""

    def __init__(self, highest_placement: HighestPlacement, clock: Callable[[], float], entries: int = 100_000) -> None:
        """Creates the cache.

        Args:
            highest_placement: returns the highest placement number of an organization in the holds table.
            clock: returns monotonic seconds.
            entries: how many organizations are cached.
        """
        self._highest_placement = highest_placement
        self._clock = clock
        self._floors: BoundedMemory[str, _Floor] = BoundedMemory(entries)
        self._readings: SingleFlight[str, int] = SingleFlight()

    def known(self, organization: str) -> int | None:
        """Returns a number of placements that the organization has reached, or None if the cached number is too old."""
        floor = self._floors.get(organization)
        return floor.placements if floor is not None and self._clock() - floor.read_s < _MAX_AGE_S else None

    async def of(self, organization: str) -> int:
        """Returns the same as `known`, but reads the holds table if the cached number is too old.

        Raises:
            Errors of PostgreSQL, if no number is cached. A cached number stays valid while PostgreSQL is unavailable.
        """
        known = self.known(organization)
        if known is not None:
            return known
        begun_s = self._clock()
        floor = self._floors.get(organization)
        try:
            return self._raise(organization, await self._read(organization), begun_s)
        except UNAVAILABLE as error:
            if floor is None:
                raise
            logger.info("placements cannot be read", extra={"error": type(error).__name__})
            return floor.placements

    def reached(self, organization: str, placements: int) -> None:
        """Records a placement that this process made."""
        floor = self._floors.get(organization)
        if floor is None:
            self._raise(organization, placements, None)
        elif placements > floor.placements:
            floor.placements = placements

    async def _read(self, organization: str) -> int:
        """Reads the holds table. Concurrent calls share one query."""
        return await self._readings.run(organization, lambda: self._highest_placement(organization))

    def _raise(self, organization: str, placements: int, read_s: float | None) -> int:
        floor = self._floors.get(organization) or _Floor(placements, float("-inf"))
        floor.placements = max(floor.placements, placements)
        if read_s is not None:
            floor.read_s = read_s
        self._floors.remember(organization, floor)
        return floor.placements
