"""Callers that ask for the same thing at the same time share one task."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Tasks under way, at most one for each key."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[V]] = {}

    def start(self, key: K, make: Callable[[], Coroutine[Any, Any, V]]) -> asyncio.Task[V]:
        """The task of a key; made now unless it is under way."""
        task = self._flights.get(key)
        if task is None:
            task = self._flights[key] = asyncio.create_task(make())
            task.add_done_callback(lambda ended: self._land(key, ended))
        return task

    async def run(self, key: K, make: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The result of the task of a key. A caller that is canceled does not cancel the others' task.

        Raises:
            whatever the task raises.
        """
        return await asyncio.shield(self.start(key, make))

    def forget(self) -> None:
        """Has the next caller of each key start a task of its own. Present callers keep theirs."""
        self._flights.clear()

    def cancel(self) -> None:
        """Cancels every task under way."""
        for task in tuple(self._flights.values()):
            task.cancel()

    def _land(self, key: K, task: asyncio.Task[V]) -> None:
        """After `forget` another task of the same key may be under way; that one stays."""
        if self._flights.get(key) is task:
            del self._flights[key]
