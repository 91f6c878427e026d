"""The bounded queue before settlement: entries in from both logs, batches out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from gateway_core.runtime.background import end, start
from usage_service.settlement.entries import Entry, signature_of

logger = logging.getLogger(__name__)

_PAUSE_PER_BATCH: Final = 4.0
_LONGEST_INTERVAL_S: Final = 0.1

SettleBatch = Callable[[Sequence[Entry]], Awaitable[None]]


class SettlementPipeline:
    """Gathers entries into batches and has them settled, several batches at once.

    Batches are gathered one after the other, and the reports of one hold are never in two batches at once: of reports that
    contradict each other the one that came first stands (fault C3), whichever batch PostgreSQL would commit first.

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
        self._settling_s = 0.0
        """How long the last batch took."""
        self._gathering = asyncio.Lock()
        self._under_way: dict[str, asyncio.Event] = {}
        """The holds that are being settled, by the signatures of their tokens, and when that is over."""

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
        """Settles batch after batch until cancelled.

        Raises:
            what `settle` raises, a fault of ours: the batch is not settled, and the journal brings it to the next process.
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
                for _ in batch:
                    self._queue.task_done()

    async def _gather(self) -> list[Entry]:
        """The next entries, in the order they came."""
        batch = [await self._queue.get()]
        if self._queue.qsize() < self._batch_entries - 1:
            # The slower a batch was, the more share the next: what it costs besides its entries is paid less often.
            await asyncio.sleep(max(self._interval_s, min(self._settling_s * _PAUSE_PER_BATCH, _LONGEST_INTERVAL_S)))
        while len(batch) < self._batch_entries and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch

    async def _until_free(self, holds: Iterable[str]) -> None:
        """Waits until none of these holds is being settled."""
        for hold in holds:
            while (over := self._under_way.get(hold)) is not None:
                await over.wait()

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
