"""redis-py's client of a Redis Cluster, for what is not on the hot path, with failures and bounds as those of one server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode, ClusterPipeline
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AskError, ClusterError, ConnectionError, RedisClusterException, TryAgainError  # noqa: A004
from typing_extensions import override

from gateway_core.edges.redis.cluster_urls import parse_cluster_url

_RETRIES: Final = 3
_UNANSWERED: Final = (
    RedisClusterException,  # no RedisError
    ClusterError,
    AskError,  # MovedError is one
    TryAgainError,
    RuntimeError,  # of uvloop: the connection is gone
    AttributeError,  # redis-py asks nobody where a redirect names a node that it does not know
    LookupError,
)
"""What redis-py raises when a cluster that fails over, or is not there, cannot answer."""


class HonestCluster(RedisCluster):
    """Says that a cluster cannot answer now by an error that says so, and within a bounded time."""

    def __init__(self, url: str, *, connections: int, timeout_ms: int) -> None:
        """Prepares a client; nothing is connected yet.

        Args:
            url: as `cluster_urls` has it.
            connections: to each node, and commands at once.
            timeout_ms: for connecting and for each answer; an answer with all its redirects gets twice as long.
        """
        parsed = parse_cluster_url(url)
        options: dict[str, Any] = dict(parse_url(parsed.node(parsed.seeds[0])))
        is_secure = options.pop("connection_class", None) is SSLConnection
        for one in ("host", "port", "db"):
            options.pop(one, None)
        self._longest_s = 2 * timeout_ms / 1_000
        self._gate = asyncio.Semaphore(connections)
        super().__init__(
            startup_nodes=[ClusterNode(seed.host, seed.port) for seed in parsed.seeds],
            ssl=is_secure,
            # A pipeline takes a connection without passing the gate.
            max_connections=2 * connections,
            socket_timeout=timeout_ms / 1_000,
            socket_connect_timeout=timeout_ms / 1_000,
            retry=Retry(NoBackoff(), _RETRIES),
            # Where a part of the slots is not served, the others are.
            require_full_coverage=False,
            decode_responses=True,
            **options,
        )

    @override
    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        async with _honest(self._longest_s), self._gate:
            return await super().execute_command(*args, **kwargs)

    @override
    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> ClusterPipeline:
        """A pipeline without a transaction: redis-py would give that one a thread for each command."""
        if transaction:
            raise NotImplementedError("commands that belong together are a script")
        return _HonestPipeline(self, self._longest_s)  # type: ignore[abstract] # redis-py's own lacks an attribute it declares


class _HonestPipeline(ClusterPipeline):
    """The pipeline of a `HonestCluster`."""

    def __init__(self, cluster: HonestCluster, longest_s: float) -> None:
        super().__init__(cluster)
        self._longest_s = longest_s

    @override
    async def initialize(self) -> ClusterPipeline:
        async with _honest(self._longest_s):
            return await super().initialize()

    @override
    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        async with _honest(self._longest_s):
            return await super().execute(raise_on_error, allow_redirections)


@asynccontextmanager
async def _honest(longest_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(longest_s):
            yield
    except _UNANSWERED as error:
        raise ConnectionError(f"Redis Cluster cannot answer: {type(error).__name__}") from error
