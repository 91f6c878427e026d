"""Placed holds reach the holds table in batches, are never dropped, and are bounded while they wait (INV-19)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import asyncpg
import pytest

from authz_service.holds.hold_writer import HoldWriter, PlacedHold, open_hold_writer
from gateway_core.runtime.background import watched
from tests.support.data.example_hold import HOLD

ENTRIES = 5
Batch = Sequence[PlacedHold]


class Table:
    """A holds table that records batches, and can fail or block."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failures: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()

    async def insert(self, holds: Batch) -> None:
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append([placed.hold.hold_id for placed in holds])

    @property
    def hold_ids(self) -> list[str]:
        return [hold_id for batch in self.batches for hold_id in batch]


def append(writer: HoldWriter, *numbers: int) -> None:
    for number in numbers:
        writer.append(PlacedHold(replace(HOLD, hold_id=str(number)), f"token-{number}", "generation"))


async def until(table: Table, count: int) -> None:
    async with asyncio.timeout(30):
        while len(table.hold_ids) < count:
            await asyncio.sleep(0.001)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def writer(table: Table) -> AsyncIterator[HoldWriter]:
    async with open_hold_writer(table.insert, ENTRIES, flush_interval_ms=5, flush_timeout_ms=2_000) as writer:
        yield writer


async def test_concurrent_holds_are_one_batch_in_order(writer: HoldWriter, table: Table) -> None:
    append(writer, 1, 2, 3)
    await until(table, 3)
    assert table.batches == [["1", "2", "3"]]


async def test_later_holds_are_also_written(writer: HoldWriter, table: Table) -> None:
    append(writer, 1)
    await until(table, 1)
    append(writer, 2)
    await until(table, 2)
    assert table.batches == [["1"], ["2"]]


async def test_a_batch_is_bounded(table: Table) -> None:
    async with open_hold_writer(table.insert, 10_000, flush_interval_ms=5, flush_timeout_ms=2_000) as writer:
        append(writer, *range(2_500))
    assert [len(batch) for batch in table.batches] == [1_000, 1_000, 500]
    assert table.hold_ids == [str(number) for number in range(2_500)]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.InterfaceError("pool is closed"),
        asyncpg.QueryCanceledError(),
        asyncpg.ReadOnlySQLTransactionError(),
        asyncpg.DiskFullError(),
        asyncpg.DeadlockDetectedError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_batch_is_retried_until_it_is_written(writer: HoldWriter, table: Table, error: Exception) -> None:
    table.failures = [error]
    append(writer, 1, 2)
    await until(table, 2)
    append(writer, 3)
    await until(table, 3)
    assert table.hold_ids == ["1", "2", "3"]


async def test_holds_being_written_count_against_the_bound(writer: HoldWriter, table: Table) -> None:
    table.open.clear()
    append(writer, *range(ENTRIES - 1))
    assert not writer.is_full
    await asyncio.sleep(0.02)
    append(writer, ENTRIES)
    assert writer.is_full
    table.open.set()
    await until(table, ENTRIES)
    await asyncio.sleep(0)
    assert not writer.is_full


async def test_closing_writes_the_remaining_holds(table: Table) -> None:
    async with open_hold_writer(table.insert, ENTRIES, flush_interval_ms=60_000, flush_timeout_ms=2_000) as writer:
        await asyncio.sleep(0)
        append(writer, 1, 2)
        writer.close()
    assert table.hold_ids == ["1", "2"]


async def test_closing_with_nothing_to_write_ends(table: Table) -> None:
    async with asyncio.timeout(30), open_hold_writer(table.insert, ENTRIES, 5, 60_000):
        pass
    assert table.batches == []


async def test_closing_waits_for_a_limited_time(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    table.open.clear()
    async with asyncio.timeout(30), open_hold_writer(table.insert, ENTRIES, 0, flush_timeout_ms=50) as writer:
        append(writer, 1)
    assert "stopped before all holds were recorded" in caplog.text


async def test_a_fault_of_the_writer_is_reported_immediately(table: Table) -> None:
    """Seen to fail with an unwatched task: holds accumulated until the queue was full."""
    failed = asyncio.Event()
    table.failures = [KeyError("counters")]
    with watched(failed.set):
        async with open_hold_writer(table.insert, ENTRIES, flush_interval_ms=0, flush_timeout_ms=50) as writer:
            append(writer, 1)
            await asyncio.wait_for(failed.wait(), 30)
