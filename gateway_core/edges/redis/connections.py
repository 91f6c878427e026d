"""Connections to Redis: bounded in number and in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, OutOfMemoryError, ReadOnlyError, TimeoutError  # noqa: A004 - Redis' own names

UNAVAILABLE: Final = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError, OSError)
"""What says that Redis cannot answer now."""


@asynccontextmanager
async def open_redis(url: str, *, connections: int = 16, timeout_ms: int = 800) -> AsyncIterator[Redis]:
    """A client whose calls end within `timeout_ms`. It does not connect yet: Redis may start later.

    One retry without a pause covers a pooled connection that the server closed; every script of ours may be repeated.
    """
    timeout_s = timeout_ms / 1_000
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1),
        decode_responses=True,
    )
    client = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.disconnect()
