"""How many placements each organization is known to have made: what tells a Redis that has gone back in time from the true one.

A replica knows its own placements at once, and those of the others from the register. What it knows of the register is at most
a second old, so a Redis that was away for longer than that meets only replicas that ask anew.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import UNAVAILABLE

logger = logging.getLogger(__name__)

_MAX_AGE_S: Final = 1.0

HighestPlacement = Callable[[str], Awaitable[int]]


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
        self._entries = entries
        self._floors: OrderedDict[str, _Floor] = OrderedDict()
        self._reading: dict[str, asyncio.Task[int]] = {}

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
        reading = self._reading.get(organization)
        if reading is None:
            reading = asyncio.ensure_future(self._highest_placement(organization))
            self._reading[organization] = reading
            reading.add_done_callback(lambda _: self._reading.pop(organization, None))
        return await asyncio.shield(reading)

    def _raise(self, organization: str, placements: int, read_s: float | None) -> int:
        floor = self._floors.setdefault(organization, _Floor(placements, float("-inf")))
        floor.placements = max(floor.placements, placements)
        if read_s is not None:
            floor.read_s = read_s
        self._floors.move_to_end(organization)
        if len(self._floors) > self._entries:
            self._floors.popitem(last=False)
        return floor.placements
