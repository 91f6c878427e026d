"""Connections to Redis: bounded in number and in time. The URL says whether it is one server or a Redis Cluster."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - Redis' own names
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    TimeoutError,  # noqa: A004
)
from typing_extensions import override

from gateway_core.runtime.redis_urls import is_cluster_url, parse_cluster_url
from gateway_core.stores.redis.clustered import ClusteredRedis
from gateway_core.stores.redis.pipelined import PipelinedClient, PipelinedRedis

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
    """The services' client for as long as the context is open. It waits for nothing: Redis may start later."""
    if not is_cluster_url(url):
        async with aclosing(PipelinedRedis(url, timeout_ms=timeout_ms)) as client:
            yield client
        return
    async with aclosing(ClusteredRedis(url, timeout_ms=timeout_ms)) as cluster:
        cluster.look_ahead()
        yield cluster


@asynccontextmanager
async def open_redis(url: str, *, connections: int = 16, timeout_ms: int = 800) -> AsyncIterator[RedisClient]:
    """redis-py's client, for tools that need more than scripts. It does not connect yet.

    One retry without a pause covers a pooled connection that the server closed. That of a cluster is for one look at a cluster
    that is whole: a service that lives through a failover with it may never find the new node.
    """
    if is_cluster_url(url):
        async with _open_cluster(url, timeout_ms) as cluster:
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


@asynccontextmanager
async def _open_cluster(url: str, timeout_ms: int) -> AsyncIterator[RedisCluster]:
    parsed = parse_cluster_url(url)
    options: dict[str, Any] = dict(parse_url(parsed.node(parsed.seeds[0])))
    is_secure = options.pop("connection_class", None) is SSLConnection
    for name in ("host", "port"):
        options.pop(name, None)
    cluster = RedisCluster(
        startup_nodes=[ClusterNode(seed.host, seed.port) for seed in parsed.seeds],
        ssl=is_secure,
        socket_timeout=timeout_ms / 1_000,
        socket_connect_timeout=timeout_ms / 1_000,
        decode_responses=True,
        **options,
    )
    try:
        async with aclosing(cluster):
            yield cluster
    except RedisClusterException as error:  # which is no RedisError
        raise ConnectionError(f"Redis Cluster cannot answer: {error}") from error
