"""Connections to Redis, bounded in number and in time. The URL says whether it is one server or a Redis Cluster."""

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

from gateway_core.runtime.database_urls.redis import is_cluster_url, parse_cluster_url
from gateway_core.stores.redis.clustered import ClusteredRedis
from gateway_core.stores.redis.pipelined import PipelinedClient, PipelinedRedis

RedisClient = Redis | RedisCluster
"""redis-py's client, for one server or a cluster."""

UNAVAILABLE: Final = (ConnectionError, TimeoutError, BusyLoadingError, OutOfMemoryError, ReadOnlyError, OSError)
"""The errors that mean that Redis cannot answer now."""


class _HonestConnection(AbstractConnection):
    """Raises ConnectionResetError where uvloop raises RuntimeError.

    uvloop raises RuntimeError on a write to a connection that the server has just closed.
    """

    @override
    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        try:
            await super()._send_packed_command(command)
        except RuntimeError as error:
            raise ConnectionResetError(str(error)) from error


@asynccontextmanager
async def open_pipelined(url: str, *, timeout_ms: int = 800) -> AsyncIterator[PipelinedClient]:
    """Opens the services' client. It does not wait for anything, so Redis may start later."""
    if not is_cluster_url(url):
        async with aclosing(PipelinedRedis(url, timeout_ms=timeout_ms)) as client:
            yield client
        return
    async with aclosing(ClusteredRedis(url, timeout_ms=timeout_ms)) as cluster:
        cluster.look_ahead()
        yield cluster


@asynccontextmanager
async def open_redis(url: str, *, connections: int = 16, timeout_ms: int = 800) -> AsyncIterator[RedisClient]:
    """Opens redis-py's client, for tools that need more than scripts. It does not connect yet.

    One retry without a pause covers a pooled connection that the server closed. The client of a cluster suits only a
    short use of a healthy cluster: during a failover it may never find the new node.
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
    # Keep the connection class of the URL's scheme, for TLS or a Unix socket.
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
    except RedisClusterException as error:  # not a subclass of RedisError
        raise ConnectionError(f"Redis Cluster cannot answer: {error}") from error
