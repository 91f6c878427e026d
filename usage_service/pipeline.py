"""The bounded queue before settlement: entries in from both logs, batches out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from gateway_core.edges.background import end, start
from usage_service.entries import Entry

logger = logging.getLogger(__name__)

SettleBatch = Callable[[Sequence[Entry]], Awaitable[None]]


class SettlementPipeline:
    """Gathers entries into batches and has them settled, several batches at once.

    When the queue is full whoever submits waits: the access-log stream is then no longer read, Envoy drops what it cannot
    send, and the journal brings it later.
    """

    def __init__(self, settle: SettleBatch, *, queue_entries: int, batch_entries: int, interval_ms: int) -> None:
        """Prepares a pipeline.

        Args:
            settle: settles one batch; returns when it is on the books.
            queue_entries: how many entries may wait.
            batch_entries: how many make a batch.
            interval_ms: how long an entry waits for others to share its batch.
        """
        self._settle = settle
        self._queue: asyncio.Queue[Entry] = asyncio.Queue(queue_entries)
        self._batch_entries = batch_entries
        self._interval_s = interval_ms / 1_000
        self.has_failed = False
        """Whether a batch met a fault of ours. It is not settled; the process must not call itself healthy."""

    @property
    def waiting(self) -> int:
        """How many entries wait for a batch."""
        return self._queue.qsize()

    async def submit(self, entry: Entry) -> None:
        """Queues an entry, waiting for room."""
        if entry.page is not None:
            entry.page.add()
        await self._queue.put(entry)

    async def work(self) -> None:
        """Settles batch after batch until cancelled."""
        while True:
            batch = [await self._queue.get()]
            if self._queue.qsize() < self._batch_entries - 1:
                await asyncio.sleep(self._interval_s)
            while len(batch) < self._batch_entries and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._settle(batch)
            except Exception:
                self.has_failed = True
                logger.exception("batch was not settled", extra={"calls": len(batch)})
            for _ in batch:
                self._queue.task_done()

    async def drained(self) -> None:
        """Waits until everything submitted is settled."""
        await self._queue.join()


@asynccontextmanager
async def running(pipeline: SettlementPipeline, workers: int, drain_timeout_ms: int) -> AsyncIterator[None]:
    """Runs a pipeline while the context is open; closing settles what is queued, for a bounded time."""
    tasks = [start(pipeline.work()) for _ in range(workers)]
    try:
        yield
        try:
            await asyncio.wait_for(pipeline.drained(), drain_timeout_ms / 1_000)
        except TimeoutError:
            logger.warning("stopped before everything was settled; the journal brings the rest")
    finally:
        await end(*tasks)
