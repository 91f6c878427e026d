"""Takes the turns of many channels together: what waits while PostgreSQL works on one batch is in the next one.

So the more channels are sent to at a time, the less each costs, and what was sent is recorded soon however many there are.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from gateway_core.runtime.background import start
from gateway_core.stores.postgres.connections import UNAVAILABLE
from notification_service.channels.kinds import MERGING
from notification_service.outbox import store
from notification_service.outbox.store import Taken, Turn

logger = logging.getLogger(__name__)

MOST_OF_A_BATCH: Final = 32
MOST_BATCHES: Final = 2
"""At the same time, so that PostgreSQL has work while this process prepares the next one."""

_Waiting = tuple[Turn, "asyncio.Future[Taken]"]


class Turns:
    """The turns that wait."""

    def __init__(self, pool: asyncpg.Pool, moment: Callable[[], dt.datetime | None]) -> None:
        """Prepares taking turns.

        Args:
            pool: logged in as notification_service's role.
            moment: returns the time that decides what is due; None for PostgreSQL's.
        """
        self._pool = pool
        self._moment = moment
        self._waiting: list[_Waiting] = []
        self._batches: set[asyncio.Task[None]] = set()

    async def take(self, turn: Turn) -> Taken:
        """Takes a turn, with those of other channels that wait at the same time."""
        future: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, future))
        if len(self._batches) < MOST_BATCHES:
            task = start(self._take_all())
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)
        return await future

    async def _take_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_OF_A_BATCH], self._waiting[MOST_OF_A_BATCH:]
            # Of some, the task was canceled meanwhile.
            await self._take_batch([one for one in batch if not one[1].done()])

    async def _take_batch(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        try:
            taken = await store.take_turns(self._pool, [turn for turn, _ in batch], MERGING, self._moment())
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            if len(batch) == 1 or isinstance(error, UNAVAILABLE):
                _fail(batch, error)
                return
            logger.info("turns of channels are taken one by one", extra={"error": type(error).__name__})
            for waiting in batch:
                await self._take_batch([waiting])
            return
        for (_, future), one in zip(batch, taken, strict=True):
            if not future.done():
                future.set_result(one)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
