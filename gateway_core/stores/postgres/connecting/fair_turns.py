"""Turns at a limited number of connections, so that a busy organization does not keep the others waiting.

A pool of connections serves whoever asked first. An organization with a hundred slow questions would have all connections until the
last of them is answered. Here organizations that wait take turns, so another one waits for one answer at most.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class LineFullError(Exception):
    """As many of the organization wait as may wait."""


class FairTurns:
    """Gives out places. Those who wait for one are served by organization in rotation, and within one in the order they came."""

    def __init__(self, places: int, *, of_one: int | None = None, line: int | None = None) -> None:
        """Creates turns.

        Args:
            places: how many there are, at least 1.
            of_one: how many of them an organization may have at a time; None for all.
            line: how many of an organization may wait; None for any number.
        """
        self._free = places
        self._of_one = places if of_one is None else of_one
        self._line = line
        self._taken: Counter[str] = Counter()
        """Places of each organization that has any."""
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Who waits, by organization. While a place is free, only organizations wait that have as many as they may have."""

    @asynccontextmanager
    async def of(self, organization: str) -> AsyncIterator[None]:
        """Waits for a place, and keeps it while the context is open.

        Raises:
            LineFullError: too many of the organization wait.
        """
        if self._free and self._taken[organization] < self._of_one:
            self._take(organization)
        else:
            await self._wait(organization)
        try:
            yield
        finally:
            self._give_back(organization)

    async def _wait(self, organization: str) -> None:
        line = self._waiting.get(organization, ())
        if self._line is not None and len(line) >= self._line:
            raise LineFullError(organization)
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(organization, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._leave(organization, place)
            else:  # it was given in the same moment
                self._give_back(organization)
            raise

    def _leave(self, organization: str, place: asyncio.Future[None]) -> None:
        line = self._waiting.get(organization)
        if line is None:
            return
        with suppress(ValueError):
            line.remove(place)
        if not line:
            del self._waiting[organization]

    def _take(self, organization: str) -> None:
        self._free -= 1
        self._taken[organization] += 1

    def _give_back(self, organization: str) -> None:
        self._free += 1
        self._taken[organization] -= 1
        if not self._taken[organization]:
            del self._taken[organization]
        while self._free and (following := self._next()) is not None:
            line = self._waiting.pop(following)
            place = line.popleft()
            if line:
                self._waiting[following] = line
            if not place.done():
                self._take(following)
                place.set_result(None)

    def _next(self) -> str | None:
        """Returns the organization whose turn it is, if one that waits may have another place."""
        return next((one for one in self._waiting if self._taken[one] < self._of_one), None)
