"""The bounded queue before settlement: takes entries from both logs, and passes on batches."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from gateway_core.runtime.background import end, start
from usage_service.settlement.entries import Entry, Origin, signature_of
from usage_service.settlement.queue.fair_queue import FairQueue

logger = logging.getLogger(__name__)

PAUSE_PER_BATCH: Final = 4.0
LONGEST_INTERVAL_S: Final = 0.1

SettleBatch = Callable[[Sequence[Entry]], Awaitable[None]]


class SettlementPipeline:
    """Gathers entries into batches and settles several batches concurrently.

    Batches are gathered one after the other, and reports of one hold are never in two concurrent batches. So of
    contradicting reports the first one counts (fault C3), whichever batch PostgreSQL would commit first.

    Each batch has an equal share of every organization that waits. Half of the queue is for the stream alone, and no organization
    has more than half from the stream: its further calls come from the journal, and those of others still find room.

    If the queue is full, `submit` waits. The access-log stream is then no longer read, and Envoy drops what it cannot
    send; the journal delivers it later.
    """

    def __init__(self, settle: SettleBatch, *, queue_entries: int, batch_entries: int, interval_ms: int) -> None:
        """Creates a pipeline.

        Args:
            settle: settles one batch; returns once it is committed.
            queue_entries: how many entries may wait.
            batch_entries: how many entries make a batch.
            interval_ms: how long an entry waits for others to share its batch.
        """
        self._settle = settle
        half = max(queue_entries // 2, 1)
        self._queue = FairQueue(stream_share=half)
        self._entries_of = {Origin.STREAM: queue_entries, Origin.JOURNAL: half}
        """From how many entries on a submission waits, by the log that delivers it."""
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._unsettled = 0
        """Submitted entries whose batch is not done."""
        self._is_drained = asyncio.Event()
        self._is_drained.set()
        self._batch_entries = batch_entries
        self._interval_s = interval_ms / 1_000
        self._settling_s = 0.0
        """How many seconds the last batch took."""
        self._gathering = asyncio.Lock()
        self._under_way: dict[str, asyncio.Event] = {}
        """The holds that are being settled, by token signature, with an event that is set when their batch is done."""

    @property
    def waiting(self) -> int:
        """The number of entries that wait for a batch."""
        return len(self._queue)

    async def submit(self, entries: Sequence[Entry]) -> None:
        """Queues entries of one log, apart from those that the stream brings of an organization with too many.

        Waits while the queue is full, then exceeds its length by less than what is submitted at once.
        """
        for entry in entries:
            if entry.page is not None:
                entry.page.add()
        while entries and len(self._queue) >= self._entries_of[entries[0].origin]:
            self._has_room.clear()
            await self._has_room.wait()
        for entry in entries:
            if self._queue.has_place_for(entry):
                self._queue.put(entry)
                self._unsettled += 1
        if self._unsettled:
            self._is_drained.clear()
            self._arrived.set()

    async def work(self) -> None:
        """Settles batch after batch until canceled.

        Raises:
            Errors of `settle`, which are bugs. The batch is not settled, and the journal delivers it to the next
                process.
        """
        while True:
            over = asyncio.Event()
            async with self._gathering:
                batch = await self._gather()
                holds = {signature_of(entry.report.token) for entry in batch}
                await self._until_free(holds)
                self._under_way.update(dict.fromkeys(holds, over))
            begun_s = asyncio.get_running_loop().time()
            try:
                await self._settle(batch)
            finally:
                self._settling_s = asyncio.get_running_loop().time() - begun_s
                for hold in holds:
                    del self._under_way[hold]
                over.set()
                self._unsettled -= len(batch)
                if not self._unsettled:
                    self._is_drained.set()

    async def _gather(self) -> list[Entry]:
        """Returns the next entries. Those of an organization are in the order of their arrival."""
        while not len(self._queue):
            self._arrived.clear()
            await self._arrived.wait()
        if len(self._queue) < self._batch_entries:
            # The slower the last batch was, the larger the next one: the fixed cost of a batch is then paid less often.
            await asyncio.sleep(max(self._interval_s, min(self._settling_s * PAUSE_PER_BATCH, LONGEST_INTERVAL_S)))
        batch = self._queue.take(self._batch_entries)
        self._has_room.set()
        return batch

    async def _until_free(self, holds: Iterable[str]) -> None:
        """Waits until none of these holds is being settled."""
        for hold in holds:
            while (over := self._under_way.get(hold)) is not None:
                await over.wait()

    async def drained(self) -> None:
        """Waits until everything submitted is settled."""
        await self._is_drained.wait()


@asynccontextmanager
async def running(pipeline: SettlementPipeline, workers: int, drain_timeout_ms: int) -> AsyncIterator[None]:
    """Runs a pipeline while the context is open. On exit, settles the queue for a bounded time."""
    tasks = [start(pipeline.work()) for _ in range(workers)]
    try:
        yield
        try:
            await asyncio.wait_for(pipeline.drained(), drain_timeout_ms / 1_000)
        except TimeoutError:
            logger.warning("stopped before everything was settled; the journal has the rest")
    finally:
        await end(*tasks)
