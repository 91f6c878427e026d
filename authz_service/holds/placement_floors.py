"""How many placements each organization is known to have made: what tells a Redis that has gone back in time from the true one.

A replica knows its own placements at once, and those of the others from the register. What it knows of the register is at most
a second old, so a Redis that was away for longer than that meets only replicas that ask anew.
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


class Floors:
    """What is remembered, for a bounded number of organizations."""

    def __init__(self, highest_placement: HighestPlacement, clock: Callable[[], float], entries: int = 100_000) -> None:
        """Prepares the memory.

        Args:
            highest_placement: the highest number of a placement of an organization in the register.
            clock: monotonic seconds.
            entries: how many organizations are remembered.
        """
        self._highest_placement = highest_placement
        self._clock = clock
        self._floors: BoundedMemory[str, _Floor] = BoundedMemory(entries)
        self._readings: SingleFlight[str, int] = SingleFlight()

    def known(self, organization: str) -> int | None:
        """A number of placements that the organization has reached, if what is remembered is new enough."""
        floor = self._floors.get(organization)
        return floor.placements if floor is not None and self._clock() - floor.read_s < _MAX_AGE_S else None

    async def of(self, organization: str) -> int:
        """The same, asked for if need be.

        Raises:
            what PostgreSQL raises when it cannot be asked about an organization of which nothing is known. What is known stays
            good while it is away.
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
        """Takes note of a placement."""
        floor = self._floors.get(organization)
        if floor is None:
            self._raise(organization, placements, None)
        elif placements > floor.placements:
            floor.placements = placements

    async def _read(self, organization: str) -> int:
        """Calls that come at once share one question."""
        return await self._readings.run(organization, lambda: self._highest_placement(organization))

    def _raise(self, organization: str, placements: int, read_s: float | None) -> int:
        floor = self._floors.get(organization) or _Floor(placements, float("-inf"))
        floor.placements = max(floor.placements, placements)
        if read_s is not None:
            floor.read_s = read_s
        self._floors.remember(organization, floor)
        return floor.placements
