"""Exports need the same memory for any number of rows."""

import asyncio
import dataclasses
import tracemalloc

import asyncpg
import pytest

from admin_service.analytics.exports.exporting import (
    ExportResult,
    export_calls,
)
from admin_service.analytics.exports.reading import Selection
from tests.contract.admin_service.analytics.exports.exported import (
    EVERYTHING,
    START,
    calls_of,
)
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare
from usage_service.settlement.store import settle_batch


async def fill(owner: asyncpg.Connection, count: int) -> None:
    """Adds copies of a call to the records, without the ledger."""
    await owner.execute(
        """
        CREATE TEMPORARY TABLE one AS SELECT * FROM usage_records LIMIT 1;
        SET session_replication_role = replica;
        """
    )
    columns = [
        row[0]
        for row in await owner.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 'one'::regclass AND attnum > 0")
    ]
    special = {"hold_id": "'copy-' || n", "sequence": "1000 + n"}
    await owner.execute(
        f"INSERT INTO usage_records ({', '.join(columns)})"  # noqa: S608
        f" SELECT {', '.join(special.get(name, name) for name in columns)} FROM one, generate_series(1, $1::bigint) n",
        count,
    )
    await owner.execute("UPDATE ledger_heads SET sequence = 1000 + $1", count)


async def peak_bytes(pool: asyncpg.Pool, selection: Selection) -> tuple[int, ExportResult]:
    async def forget(data: bytes) -> None:
        await asyncio.sleep(0)

    tracemalloc.start()
    try:
        result = await export_calls(pool, selection, forget)
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


async def test_memory_does_not_grow_with_the_file(
    owner: asyncpg.Connection, reading: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Smaller batches than in use, so that few rows are many batches: tracing makes an export eight times slower.
    monkeypatch.setattr("admin_service.analytics.exports.reading.BATCH_ROWS", 50)
    await prepare(owner)
    await settle_batch(owner, [make_settlement(make_hold(placed_epoch_us=int(START.timestamp() * 1e6)))])
    await fill(owner, 3_000)
    await calls_of(reading, dataclasses.replace(EVERYTHING, position=1_500))  # what is imported and cached once
    small, few = await peak_bytes(reading, dataclasses.replace(EVERYTHING, position=1_199))
    large, many = await peak_bytes(reading, EVERYTHING)
    assert (few.row_count, many.row_count) == (200, 3_001)
    # All rows at once would be megabytes more. Other work of the process is traced, too.
    assert large < small * 1.1 + 300_000, (small, large)
