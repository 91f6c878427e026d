"""The hot path's client for a Redis Cluster: one pipelined connection to every node that serves slots.

A command goes to the node that serves the slot of its first key. All keys of an organization share a slot, and so do
all keys of a domain with rules. The client reads the topology at the first command, and again whenever a node redirects
a command or is lost: once for all commands that notice. A command that finds no node is retried until its timeout, and
then fails as with one server.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from redis import exceptions

from gateway_core.runtime.database_urls.redis import Address, parse_cluster_url
from gateway_core.runtime.single_flight import SingleFlight
from gateway_core.stores.redis.pipelined import MOST_WAITING, PipelinedRedis, PipelinedScript
from gateway_core.stores.redis.topology import Topology, slot_of
from gateway_core.stores.redis.wire import Argument, NotSentError

logger = logging.getLogger(__name__)

_MOST_NODES: Final = 1_000
_MOST_ASKED: Final = 8
"""Nodes asked for the topology at a time. The next read asks others."""
_MOST_ATTEMPTS: Final = 64
_QUICK_REDIRECTS: Final = 4
"""How often a command follows a redirect without waiting for the topology."""
_PAUSE_BETWEEN_READINGS_S: Final = 0.05
_PAUSE_OF_A_MOVE_S: Final = 0.01
"""Pause before the next attempt while the keys of a slot are moving from one node to another."""

_RETRYABLE: Final = (
    exceptions.ConnectionError,
    exceptions.AskError,  # MovedError is one
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
    exceptions.ReadOnlyError,
)
"""Errors after which another attempt may succeed."""


class ClusteredRedis:
    """A client of one Redis Cluster."""

    def __init__(self, url: str, *, timeout_ms: int = 800, most_waiting: int = MOST_WAITING) -> None:
        """Creates a client. It does not connect yet.

        Args:
            url: the URL of a cluster (`database_urls.redis`).
            timeout_ms: limit for an answer, including all attempts. It is also the limit for connecting to a node.
            most_waiting: how many commands may wait for a node, and how many may be retried at a time.
        """
        self._url = parse_cluster_url(url)
        self._timeout_ms = timeout_ms
        self._most_waiting = most_waiting
        self._topology = Topology()
        self._clients: dict[Address, PipelinedRedis] = {}
        self._readings: SingleFlight[None, None] = SingleFlight()
        self._next_reading_s = float("-inf")
        self._turn = 0
        self._trying_again = 0

    def register_script(self, script: str) -> PipelinedScript:
        """Returns a script by its source. Its keys share one slot. Nodes that do not know the script load it."""
        return PipelinedScript(self, script)

    def look_ahead(self) -> None:
        """Starts reading the topology, so that the first commands need not wait for it."""
        self._read_soon()

    async def ping(self) -> object:
        """Pings every node that serves slots."""
        try:
            await asyncio.gather(*(self._client(address).execute("PING") for address in await self._masters()))
        except (exceptions.RedisError, OSError):
            self._read_soon()
            raise
        return "PONG"

    async def clock(self) -> None:
        """Pings every node that serves slots. Each has a clock of its own."""
        await self.ping()

    async def answers(self) -> bool:
        """Returns whether some node serves its slots. Organizations on other nodes may be unavailable."""
        try:
            masters = await self._masters()
        except NotSentError:
            return False
        states = (self._client(address).execute("CLUSTER", "INFO") for address in masters)
        answers = await asyncio.gather(*states, return_exceptions=True)
        if any(isinstance(answer, BaseException) for answer in answers):
            self._read_soon()
        return any("cluster_state:ok" in answer for answer in answers if isinstance(answer, str))

    async def execute(self, *command: Argument) -> Any:  # noqa: ANN401 - any type of Redis
        """Executes a command with a key that may be repeated: after a lost connection it is sent once more.

        Raises:
            gateway_core.stores.redis.connections.UNAVAILABLE: there was no answer; the command may have been executed.
            redis.exceptions.ResponseError: the server's error.
        """
        slot = slot_of(command)
        deadline_s = asyncio.get_running_loop().time() + self._timeout_ms / 1_000
        owner = self._topology.owner(slot)
        if owner is None:
            error: Exception = NotSentError("no node is known to serve the slot")
        else:
            try:
                return await self._client(owner).send(command)
            except exceptions.TimeoutError:
                self._read_soon()
                raise  # No time is left for a retry.
            except _RETRYABLE as retryable:
                error = retryable
        return await self._try_again(slot, command, owner, error, deadline_s)

    async def aclose(self) -> None:
        """Closes the connections. Waiting commands fail."""
        self._readings.cancel()
        for client in self._clients.values():
            await client.aclose()

    async def _try_again(
        self, slot: int, command: Sequence[Argument], asked: Address | None, error: Exception, deadline_s: float
    ) -> Any:  # noqa: ANN401
        if self._trying_again >= self._most_waiting:
            raise NotSentError("too many commands are waiting for the cluster") from error
        self._trying_again += 1
        losses = 0
        try:
            async with asyncio.timeout_at(deadline_s):
                for attempt in range(_MOST_ATTEMPTS):
                    losses += _may_be_carried_out(error)
                    if losses > 1:
                        raise error
                    asked, is_asking = await self._next_node(slot, asked, error, attempt)
                    if asked is None:
                        continue
                    try:
                        return await self._client(asked).send(command, asking=is_asking)
                    except _RETRYABLE as retryable:
                        error = retryable
        except (TimeoutError, exceptions.TimeoutError):
            self._read_soon()
        finally:
            self._trying_again -= 1
        raise exceptions.TimeoutError("Redis Cluster did not answer in time") from error

    async def _next_node(
        self, slot: int, asked: Address | None, error: Exception, attempt: int
    ) -> tuple[Address | None, bool]:
        """Returns the node to send a command to after an error, and whether its slot is still moving to that node (ASKING)."""
        if isinstance(error, exceptions.AskError) and attempt < _QUICK_REDIRECTS:
            named = Address(error.host or (asked.host if asked else ""), error.port)
            if not isinstance(error, exceptions.MovedError):
                return named, True
            self._topology.move(slot, named)
            self._read_soon()
        elif isinstance(error, exceptions.TryAgainError):
            await asyncio.sleep(_PAUSE_OF_A_MOVE_S)
        else:
            await self._read()
        return self._topology.owner(slot), False

    def _client(self, address: Address) -> PipelinedRedis:
        client = self._clients.get(address)
        if client is None:
            if len(self._clients) >= _MOST_NODES:
                raise NotSentError("the cluster has too many nodes")
            client = PipelinedRedis(
                self._url.node(address), timeout_ms=self._timeout_ms, most_waiting=self._most_waiting
            )
            self._clients[address] = client
        return client

    async def _masters(self) -> frozenset[Address]:
        if not self._topology.masters:
            await self._read()
        if not self._topology.masters:
            raise NotSentError("no node of the cluster can be reached")
        return self._topology.masters

    def _read_soon(self) -> asyncio.Task[None]:
        """Starts reading the topology, unless a read is in progress."""
        return self._readings.start(None, self._read_topology)

    async def _read(self) -> None:
        """Waits for the read of the topology that all who need it share."""
        await asyncio.shield(self._read_soon())

    async def _read_topology(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._next_reading_s - loop.time()))
        known = self._topology
        topology = await self._best_of({*known.masters, *self._url.seeds}) or await self._best_of(known.replicas)
        if topology is not None:
            self._adopt(topology)
        self._next_reading_s = loop.time() + _PAUSE_BETWEEN_READINGS_S

    async def _best_of(self, addresses: Iterable[Address]) -> Topology | None:
        """Returns the first topology from these nodes that covers every slot; else the one that covers most; None if
        there is none.
        """
        in_order = sorted(addresses)
        self._turn += 1
        first = self._turn * _MOST_ASKED % len(in_order) if len(in_order) > _MOST_ASKED else 0
        asked = islice([*in_order[first:], *in_order[:first]], _MOST_ASKED)
        tasks = [asyncio.create_task(self._topology_from(address)) for address in asked]
        best: Topology | None = None
        try:
            for answered in asyncio.as_completed(tasks):
                topology = await answered
                if topology is not None and topology.known_slots > (best.known_slots if best else 0):
                    best = topology
                if best is not None and best.is_complete:
                    break
        finally:
            for task in tasks:
                task.cancel()
        return best

    async def _topology_from(self, address: Address) -> Topology | None:
        try:
            return Topology.read(await self._client(address).send(("CLUSTER", "SLOTS")), address)
        except (exceptions.RedisError, OSError, ValueError, TypeError, IndexError):
            return None

    def _adopt(self, topology: Topology) -> None:
        if topology.masters != self._topology.masters:
            logger.info("Redis Cluster: different nodes serve now", extra={"masters": len(topology.masters)})
        self._topology = topology
        # Commands that wait for a node that no longer serves slots fail, and are retried at the node that does.
        for address in self._clients.keys() - topology.masters:
            self._clients.pop(address).close()


def _may_be_carried_out(error: Exception) -> bool:
    return isinstance(error, exceptions.ConnectionError) and not isinstance(
        error, NotSentError | exceptions.BusyLoadingError | exceptions.AuthenticationError
    )
