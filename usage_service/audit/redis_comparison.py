"""Compares Redis with PostgreSQL. The two must be equal only when idle, because Redis follows with a short delay."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import asyncpg

from gateway_core.stores.redis.connections import RedisClient
from gateway_core.stores.redis.keys import counter_key, held_amount, holds_key, pool_key
from usage_service.audit.check import Breach, Finding
from usage_service.audit.database import open_snapshot

ATTEMPTS: Final = 3
PAUSE_S: Final = 1.0
_KEYS_PER_PAGE: Final = 500
_POOL_NAME: Final = re.compile(r"mr:\{([^}]*)\}:pool")

_POOL: Final = """
SELECT a.balance_nano_credits AS balance, h.sequence FROM ledger_heads h
  JOIN ledger_accounts a ON a.organization_id = h.organization_id AND a.account = 'CREDIT_POOL'
 WHERE h.organization_id = $1
"""
_OPEN_HOLDS: Final = (
    "SELECT hold_id, amount_nano_credits, counters FROM holds WHERE organization_id = $1 AND state = 'HELD'"
)
_SPEND: Final = "SELECT counter, settled_nano_credits FROM scope_spend WHERE organization_id = $1"


@dataclass(frozen=True, slots=True)
class _Books:
    """What Redis must hold for an organization according to PostgreSQL."""

    balance: int
    sequence: int
    open_holds: dict[str, int]
    settled: dict[str, int]
    held: dict[str, int]


async def compare(database_url: str, redis: RedisClient, *, rows_per_check: int) -> Finding:
    """Compares every pool, hold and counter in Redis. Repeats a comparison that found differences, up to three times in total."""
    started = time.monotonic()
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(PAUSE_S)
        async with open_snapshot(database_url) as connection:
            examined, breaches = await _compare_once(connection, redis)
        if not breaches:
            break
    return Finding(
        "redis-equals-postgres",
        "INV-09",
        "when idle, every pool, hold and counter in Redis is what PostgreSQL says",
        examined=examined,
        breach_count=len(breaches),
        breaches=tuple(islice(breaches, rows_per_check)),
        duration_s=time.monotonic() - started,
    )


async def _compare_once(connection: asyncpg.Connection, redis: RedisClient) -> tuple[int, list[Breach]]:
    examined, breaches = 0, []
    async for name in redis.scan_iter(match="mr:{*}:pool", count=_KEYS_PER_PAGE):
        found = _POOL_NAME.fullmatch(name)
        if found is None:
            continue
        organization = found[1]
        books = await _books(connection, organization)
        if books is None:
            breaches.append(Breach(organization, "pool", "belongs to no organization"))
            continue
        examined += 1
        breaches += await _compare_pool(redis, organization, books)
        async for counter, values in _counters(redis, organization):
            examined += 1
            expected = {"settled": books.settled.get(counter, 0), "held": books.held.get(counter, 0)}
            breaches += _differences(organization, f"counter {counter}", values, expected)
    return examined, breaches


async def _books(connection: asyncpg.Connection, organization: str) -> _Books | None:
    pool = await connection.fetchrow(_POOL, organization)
    if pool is None:
        return None
    holds = await connection.fetch(_OPEN_HOLDS, organization)
    held: dict[str, int] = {}
    for _, amount, counters in holds:
        for counter in counters:
            held[counter] = held.get(counter, 0) + amount
    return _Books(
        balance=pool["balance"],
        sequence=pool["sequence"],
        open_holds={hold_id: amount for hold_id, amount, _ in holds},
        settled=dict(map(tuple, await connection.fetch(_SPEND, organization))),
        held=held,
    )


async def _compare_pool(redis: RedisClient, organization: str, books: _Books) -> list[Breach]:
    pool = await _hash(redis, pool_key(organization))
    holds = {hold_id: held_amount(kept) for hold_id, kept in (await _hash(redis, holds_key(organization))).items()}
    expected = {"balance": books.balance, "held": sum(books.open_holds.values()), "sequence": books.sequence}
    breaches = _differences(organization, "pool", pool, expected)
    for hold_id in sorted(holds.keys() | books.open_holds.keys()):
        if holds.get(hold_id) != books.open_holds.get(hold_id):
            fault = f"is {holds.get(hold_id)} in Redis, {books.open_holds.get(hold_id)} in PostgreSQL"
            breaches.append(Breach(organization, f"hold {hold_id}", fault))
    return breaches


def _differences(organization: str, row: str, values: dict[str, str], expected: dict[str, int]) -> list[Breach]:
    return [
        Breach(organization, row, f"{field} is {values.get(field)} in Redis, {amount} in PostgreSQL")
        for field, amount in expected.items()
        if values.get(field) is None or int(values[field]) != amount
    ]


async def _hash(redis: RedisClient, key: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in (await redis.hgetall(key)).items()}


async def _counters(redis: RedisClient, organization: str) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Yields the counters of the pool's generation. A counter of another generation counts as missing and will be rebuilt."""
    prefix = counter_key(organization, "")
    generation = await redis.hget(pool_key(organization), "generation")
    async for name in redis.scan_iter(match=f"{prefix}*", count=_KEYS_PER_PAGE):
        values = await _hash(redis, name)
        if values and values.get("generation") == generation:
            yield name.removeprefix(prefix), values
