"""A busy organization does not delay what others' calls cost from reaching the ledger."""

from collections.abc import Sequence

import asyncpg

from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare, register
from usage_service.settlement.entries import Entry, Origin
from usage_service.settlement.queue.pipeline import SettlementPipeline, running
from usage_service.settlement.store import settle_batch

BATCH, WAITING = 100, 2_000


async def test_a_call_of_a_quiet_organization_is_in_the_next_batch_of_a_busy_one(owner: asyncpg.Connection) -> None:
    await prepare(owner, "acme", "other")
    busy = [make_settlement() for _ in range(WAITING)]
    quiet = make_settlement(make_hold("other"))
    await register(owner, *(settlement.hold for settlement in (*busy, quiet)))
    committed: list[str] = []

    async def settle(batch: Sequence[Entry]) -> None:
        settlements = [entry.settlement for entry in batch if entry.settlement is not None]
        await settle_batch(owner, settlements)
        committed.extend(settlement.hold.claims.organization for settlement in settlements)

    pipeline = SettlementPipeline(settle, queue_entries=2 * WAITING, batch_entries=BATCH, interval_ms=0)
    await pipeline.submit([Entry(one.report, Origin.STREAM, settlement=one) for one in busy])
    async with running(pipeline, workers=1, drain_timeout_ms=60_000):
        await pipeline.submit([Entry(quiet.report, Origin.STREAM, settlement=quiet)])
        await pipeline.drained()
    assert len(committed) == WAITING + 1
    assert committed.index("other") <= 2 * BATCH
