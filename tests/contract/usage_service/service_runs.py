"""Runs a usage_service, sends it reports, and reads the result in Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from envoy.service.accesslog.v3 import als_pb2
from redis.asyncio import Redis

from gateway_core.model.calls.holds import Hold
from gateway_core.runtime.settings import UsageSettings
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.redis.hold_counters import HoldCounters
from gateway_core.stores.redis.keys import pool_key
from tests.contract.usage_service.log_entries import journal_line, stream_entry
from usage_service.settlement.charge_decision import CallReport
from usage_service.stream import UsageService
from usage_service.wiring import open_service

START_BALANCE = 1_000 * 10**9
NO_TRACING = Tracing("usage_service", None)


@asynccontextmanager
async def running(settings: UsageSettings, tracing: Tracing = NO_TRACING) -> AsyncIterator[UsageService]:
    async with open_service(settings, tracing) as service:
        await until(service.is_ready)
        yield service


async def until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def message(*reports: CallReport) -> als_pb2.StreamAccessLogsMessage:
    entries = [stream_entry(report) for report in reports]
    return als_pb2.StreamAccessLogsMessage(http_logs={"log_entry": entries})


def append(journal: Path, reports: Sequence[CallReport], tail: bytes = b"") -> None:
    with journal.open("ab") as file:
        file.write(b"".join(journal_line(report) for report in reports) + tail)


async def place(redis: Redis, *holds: Hold, sequence: int = 1) -> None:
    """Writes to Redis what authz_service would: the seed from a ledger with one top-up, and the holds."""
    counters = HoldCounters(redis)
    organization = holds[0].claims.organization
    await counters.seed_pool(
        organization, balance=START_BALANCE, sequence=sequence, generation="first", placements=0, open_holds={}
    )
    for counter in holds[0].claims.counters:
        name = counter.encode()
        await counters.seed_counter(
            organization, name, settled=0, open_holds={}, sequence=sequence, expire_epoch_s=None, edition="first:0"
        )
    for hold in holds:
        await counters.place(hold, [None] * len(hold.claims.counters))


async def pool_of(redis: Redis, organization: str = "acme") -> tuple[int, int, int]:
    """Returns balance, held amount and sequence."""
    balance, held, sequence = await numbers(redis, pool_key(organization), "balance", "held", "sequence")
    return balance, held, sequence


async def numbers(redis: Redis, key: str, *fields: str) -> list[int]:
    return [int(str(value)) for value in await redis.hmget(key, list(fields))]


async def until_pool(redis: Redis, expected: tuple[int, int, int]) -> None:
    seen = None
    try:
        async with asyncio.timeout(30):
            while (seen := await pool_of(redis)) != expected:
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"Redis has {seen} instead of {expected}")


async def until_offset(owner: asyncpg.Connection, journal: Path, torn_bytes: int = 0) -> None:
    """Waits until the journal is settled to its end, except for a torn line."""
    expected = journal.stat().st_size - torn_bytes  # noqa: ASYNC240
    async with asyncio.timeout(30):
        while await owner.fetchval("SELECT byte_offset FROM journal_offsets") != expected:
            await asyncio.sleep(0.02)
