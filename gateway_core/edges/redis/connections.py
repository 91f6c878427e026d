"""Connections to Redis: bounded in number and in time. The URL says whether it is one server or a Redis Cluster."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, OutOfMemoryError, ReadOnlyError, TimeoutError  # noqa: A004 - Redis' own names
from typing_extensions import override

from gateway_core.edges.redis.cluster_commands import HonestCluster
from gateway_core.edges.redis.cluster_urls import is_cluster_url
from gateway_core.edges.redis.clustered import ClusteredRedis
from gateway_core.edges.redis.pipelined import PipelinedClient, PipelinedRedis

RedisClient = Redis | RedisCluster
"""redis-py's client of what a URL names."""

UNAVAILABLE: Final = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError, OSError)
"""What says that Redis cannot answer now."""


class _HonestConnection(AbstractConnection):
    """Says that the connection is gone where uvloop says that the program is wrong: what is written to a connection that the
    server has just closed raises RuntimeError there.
    """

    @override
    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        try:
            await super()._send_packed_command(command)
        except RuntimeError as error:
            raise ConnectionResetError(str(error)) from error


@asynccontextmanager
async def open_pipelined(url: str, *, timeout_ms: int = 800) -> AsyncIterator[PipelinedClient]:
    """A client of the hot path for as long as the context is open. It does not connect yet: Redis may start later."""
    kind = ClusteredRedis if is_cluster_url(url) else PipelinedRedis
    async with aclosing(kind(url, timeout_ms=timeout_ms)) as client:
        yield client


@asynccontextmanager
async def open_redis(url: str, *, connections: int = 16, timeout_ms: int = 800) -> AsyncIterator[RedisClient]:
    """A client whose calls end within `timeout_ms`. It does not connect yet: Redis may start later.

    One retry without a pause covers a pooled connection that the server closed; every script of ours may be repeated.
    """
    if is_cluster_url(url):
        async with aclosing(HonestCluster(url, connections=connections, timeout_ms=timeout_ms)) as cluster:
            yield cluster
        return
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
    # Whatever the URL's scheme has chosen, for TLS or a socket file.
    pool.connection_class = type("HonestConnection", (_HonestConnection, pool.connection_class), {})
    client = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.disconnect()
