"""The bounded queue before settlement."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from tests.contract.usage_service.settlement_cases import make_hold, make_report
from usage_service.settlement.entries import Entry, Origin, Page
from usage_service.settlement.queue.pipeline import SettlementPipeline, running


def entries(
    count: int, page: Page | None = None, *, organization: str = "acme", origin: Origin = Origin.STREAM
) -> list[Entry]:
    return [Entry(replace(make_report(make_hold()), organization=organization), origin, page) for _ in range(count)]


class Recorder:
    """Settles batches once they are released."""

    def __init__(self) -> None:
        self.batches: list[list[Entry]] = []
        self.released = asyncio.Event()

    async def settle(self, batch: Sequence[Entry]) -> None:
        self.batches.append(list(batch))
        await self.released.wait()


async def settled_in(recorder: Recorder, taken: Sequence[Entry]) -> None:
    recorder.released.set()
    pipeline = SettlementPipeline(recorder.settle, queue_entries=100, batch_entries=4, interval_ms=0)
    async with running(pipeline, workers=1, drain_timeout_ms=5_000):
        await pipeline.submit(taken)
        await pipeline.drained()


async def test_a_batch_has_at_most_its_entries_in_the_order_of_their_arrival() -> None:
    recorder, taken = Recorder(), entries(10)
    await settled_in(recorder, taken)
    assert [len(batch) for batch in recorder.batches] == [4, 4, 2]
    assert [entry for batch in recorder.batches for entry in batch] == taken


async def test_submitting_waits_while_the_queue_is_full() -> None:
    recorder = Recorder()
    pipeline = SettlementPipeline(recorder.settle, queue_entries=2, batch_entries=1, interval_ms=0)
    for organization in ("acme", "other"):
        await pipeline.submit(entries(1, organization=organization))
    waiting = asyncio.create_task(pipeline.submit(entries(1, organization="third")))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    assert pipeline.waiting == 2
    async with running(pipeline, workers=1, drain_timeout_ms=5_000):
        await waiting
        recorder.released.set()
        await pipeline.drained()
    assert len(recorder.batches) == 3


async def test_drained_waits_for_the_batch_in_its_transaction() -> None:
    recorder = Recorder()
    pipeline = SettlementPipeline(recorder.settle, queue_entries=9, batch_entries=9, interval_ms=0)
    async with running(pipeline, workers=1, drain_timeout_ms=5_000):
        await pipeline.submit(entries(1))
        drained = asyncio.create_task(pipeline.drained())
        while not recorder.batches:
            await asyncio.sleep(0.001)
        assert not drained.done()
        recorder.released.set()
        await drained


async def test_nothing_to_settle_is_drained_at_once() -> None:
    pipeline = SettlementPipeline(Recorder().settle, queue_entries=1, batch_entries=1, interval_ms=0)
    await pipeline.submit([])
    await asyncio.wait_for(pipeline.drained(), 30)


async def test_a_canceled_worker_loses_nothing_that_it_only_waited_for() -> None:
    recorder = Recorder()
    pipeline = SettlementPipeline(recorder.settle, queue_entries=9, batch_entries=9, interval_ms=60_000)
    await pipeline.submit(entries(1))
    worker = asyncio.create_task(pipeline.work())
    await asyncio.sleep(0.01)
    worker.cancel()
    await asyncio.wait({worker})
    assert pipeline.waiting == 1
    assert recorder.batches == []


async def test_half_of_the_queue_is_for_the_stream_alone() -> None:
    recorder = Recorder()
    pipeline = SettlementPipeline(recorder.settle, queue_entries=4, batch_entries=1, interval_ms=0)
    await pipeline.submit(entries(2, origin=Origin.JOURNAL))
    waiting = asyncio.create_task(pipeline.submit(entries(1, origin=Origin.JOURNAL)))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await asyncio.wait_for(pipeline.submit(entries(1, organization="other")), 30)
    async with running(pipeline, workers=1, drain_timeout_ms=5_000):
        recorder.released.set()
        await waiting
        await pipeline.drained()
    assert len(recorder.batches) == 4


async def test_what_the_stream_brings_beyond_half_of_the_queue_for_one_organization_is_left_to_the_journal() -> None:
    recorder = Recorder()
    recorder.released.set()
    pipeline = SettlementPipeline(recorder.settle, queue_entries=4, batch_entries=4, interval_ms=0)
    await pipeline.submit(entries(3))
    assert pipeline.waiting == 2
    async with running(pipeline, workers=1, drain_timeout_ms=5_000):
        await pipeline.drained()
    assert [len(batch) for batch in recorder.batches] == [2]
