"""Lets concurrent callers that ask for the same thing share one task."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Tasks in progress, at most one for each key."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[V]] = {}

    def start(self, key: K, make: Callable[[], Coroutine[Any, Any, V]]) -> asyncio.Task[V]:
        """Returns the task of a key. Starts one unless it is already in progress."""
        task = self._flights.get(key)
        if task is None:
            task = self._flights[key] = asyncio.create_task(make())
            task.add_done_callback(lambda ended: self._land(key, ended))
        return task

    async def run(self, key: K, make: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """Returns the result of the key's task. Canceling one caller does not cancel the shared task.

        Raises:
            Errors of the task.
        """
        return await asyncio.shield(self.start(key, make))

    def forget(self) -> None:
        """Makes the next caller of each key start a new task. Present callers keep theirs."""
        self._flights.clear()

    def cancel(self) -> None:
        """Cancels every task in progress."""
        for task in tuple(self._flights.values()):
            task.cancel()

    def _land(self, key: K, task: asyncio.Task[V]) -> None:
        """Removes an ended task. After `forget`, a newer task of the same key may be in progress; it stays."""
        if self._flights.get(key) is task:
            del self._flights[key]
