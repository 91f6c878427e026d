"""Turns at a limited number of connections, so that a busy organization does not keep the others waiting.

A pool of connections serves whoever asked first. An organization with a hundred slow questions would have all connections until the
last of them is answered. Here organizations that wait take turns, so another one waits for one answer at most.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairTurns:
    """Gives out places. Those who wait for one are served by organization in rotation, and within one in the order they came."""

    def __init__(self, places: int) -> None:
        """Creates turns.

        Args:
            places: how many there are, at least 1.
        """
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Who waits, by organization. The first one is next."""

    @asynccontextmanager
    async def of(self, organization: str) -> AsyncIterator[None]:
        """Waits for a place, and keeps it while the context is open."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._wait(organization)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, organization: str) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(organization, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Gives a place to the next one who still waits, or notes that it is free."""
        while self._waiting:
            organization = next(iter(self._waiting))
            line = self._waiting.pop(organization)
            place = line.popleft()
            if line:
                self._waiting[organization] = line
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
