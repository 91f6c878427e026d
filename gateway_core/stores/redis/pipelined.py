"""A client for the scripts that every call needs. redis-py spends more on a command than the whole decision costs.

It talks to one server over one connection, and pipelines all commands on it. It connects when needed, and again after a
loss. `clustered` combines several of these clients into a client of a Redis Cluster. Everything else uses redis-py,
which offers scripts with the same interface.
"""

import asyncio
import hashlib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import ConnectionError, NoScriptError, RedisError, TimeoutError  # noqa: A004 - Redis' own names

from gateway_core.runtime.backoff import Backoff
from gateway_core.stores.redis.wire import Argument, NotSentError, Wire

MOST_WAITING: Final = 10_000
"""Default limit of waiting commands."""
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.2
"""Longest pause between attempts to connect. Commands during a pause fail immediately."""


class Script(Protocol):
    """A Lua script that may be repeated: executing it again after a lost answer does no harm."""

    async def __call__(self, keys: Any = None, args: Any = None) -> Any:  # noqa: ANN401 - as redis-py has it
        """Executes the script and returns its answer, with texts as `str`."""


class ScriptClient(Protocol):
    """What the counters need of a client: redis-py's, for one server or a cluster, or a `PipelinedClient`."""

    def register_script(self, script: str) -> Any:  # noqa: ANN401 - redis-py returns its own class
        """Returns a `Script` of this source."""


class PipelinedClient(ScriptClient, Protocol):
    """The client of the hot path: `PipelinedRedis`, or `ClusteredRedis` for a cluster."""

    async def execute(self, *command: Argument) -> Any:  # noqa: ANN401 - any type of Redis
        """Executes a command that may be repeated, and returns its answer."""

    async def ping(self) -> object:
        """Pings all servers."""

    async def clock(self) -> float | None:
        """Pings all servers. Returns the clock of a single one in epoch seconds, and None for a cluster."""

    async def answers(self) -> bool:
        """Returns whether at least one server can be used."""

    async def aclose(self) -> None:
        """Closes the connections."""


class PipelinedRedis:
    """A client of one Redis server."""

    def __init__(self, url: str, *, timeout_ms: int = 800, most_waiting: int = MOST_WAITING) -> None:
        """Creates a client. It does not connect yet.

        Args:
            url: a URL that redis-py reads: `redis://`, `rediss://` or `unix://`.
            timeout_ms: limit for each answer, and for connecting.
            most_waiting: how many commands may wait for their answers.
        """
        self._target: dict[str, Any] = dict(parse_url(url))
        self._timeout_s = timeout_ms / 1_000
        self._most_waiting = most_waiting
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[Wire] | None = None
        self._is_closed = False
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._not_before_s = float("-inf")

    def register_script(self, script: str) -> "PipelinedScript":
        """Returns a script by its source. A server that does not know the script loads it."""
        return PipelinedScript(self, script)

    async def ping(self) -> object:
        """Pings the server."""
        return await self.execute("PING")

    async def clock(self) -> float:
        """Returns the server's clock in epoch seconds."""
        seconds, microseconds = await self.execute("TIME")
        return int(seconds) + int(microseconds) / 1_000_000

    async def answers(self) -> bool:
        """Returns whether the server answers."""
        with suppress(RedisError, OSError):
            return bool(await self.ping())
        return False

    async def execute(self, *command: Argument) -> Any:  # noqa: ANN401 - any type of Redis
        """Executes a command that may be repeated: after a lost connection it is sent once more.

        Raises:
            gateway_core.stores.redis.connections.UNAVAILABLE: there was no answer; the command may have been executed.
            redis.exceptions.ResponseError: the server's error.
        """
        try:
            return await self.send(command)
        except NotSentError:
            raise
        except TimeoutError:
            raise  # The answer to a retry would be late too.
        except ConnectionError:
            return await self.send(command)

    async def send(self, command: Sequence[Argument], *, asking: bool = False) -> Any:  # noqa: ANN401
        """Does the same as `execute`, but sends the command only once.

        Args:
            command: the command.
            asking: whether its slot of a cluster is still moving to this server. The server then executes it only after
                ASKING.
        """
        wire = self._wire
        if wire is None or not wire.is_open:
            wire = await self._connected()
        if not asking:
            return await wire.send(command)
        _, answer = await asyncio.gather(wire.send(("ASKING",)), wire.send(command))
        return answer

    async def _connected(self) -> Wire:
        """Returns a connection. All callers that need one share the same attempt to connect."""
        connecting = self._connecting
        if connecting is None:
            if self._is_closed:
                raise NotSentError("the client is closed")
            if asyncio.get_running_loop().time() < self._not_before_s:
                raise NotSentError("Redis could not be reached a moment ago")
            connecting = self._connecting = asyncio.create_task(self._connect())
            connecting.add_done_callback(self._note_connected)
        return await asyncio.shield(connecting)

    def _note_connected(self, connecting: "asyncio.Task[Wire]") -> None:
        self._connecting = None
        if not connecting.cancelled() and connecting.exception() is None:
            self._wire = connecting.result()
            self._backoff.succeeded()
            if self._is_closed:
                self._wire.close()
            return
        self._not_before_s = asyncio.get_running_loop().time() + self._backoff.failed()

    async def _connect(self) -> Wire:
        try:
            async with asyncio.timeout(self._timeout_s):
                wire = await self._open()
                await self._introduce(wire)
        except (OSError, EOFError) as error:  # includes asyncio's TimeoutError
            raise NotSentError(f"Redis cannot be reached: {type(error).__name__}") from error
        return wire

    async def _open(self) -> Wire:
        loop, target = asyncio.get_running_loop(), self._target

        def protocol() -> Wire:
            return Wire(self._timeout_s, self._most_waiting)

        if path := target.get("path"):
            _, wire = await loop.create_unix_connection(protocol, str(path))
            return wire
        secure = issubclass(target.get("connection_class", object), SSLConnection)
        _, wire = await loop.create_connection(
            protocol,
            str(target.get("host") or "localhost"),
            int(target.get("port") or 6379),
            ssl=_tls_of(target) if secure else None,
        )
        return wire

    async def _introduce(self, wire: Wire) -> None:
        """Logs in and selects the database."""
        target = self._target
        try:
            if password := target.get("password"):
                user = (str(target["username"]),) if target.get("username") else ()
                await wire.send(("AUTH", *user, str(password)))
            if database := target.get("db"):
                await wire.send(("SELECT", int(database)))
        except BaseException:
            wire.close()
            raise

    def close(self) -> None:
        """Closes the connection, or a pending one once it is established. Waiting commands fail."""
        self._is_closed = True
        if self._wire is not None:
            self._wire.close()

    async def aclose(self) -> None:
        """Closes the connection, and cancels a pending one."""
        if self._connecting is not None:
            self._connecting.cancel()
        self.close()


def _tls_of(target: Mapping[str, Any]) -> ssl.SSLContext:
    """Returns how to encrypt. The files are read for each connection, so renewed certificates need no restart."""
    context = ssl.create_default_context(cafile=target.get("ssl_ca_certs"))
    if certificate := target.get("ssl_certfile"):
        context.load_cert_chain(certificate, target.get("ssl_keyfile"))
    return context


class PipelinedScript:
    """A script on a `PipelinedClient`, called by its hash."""

    def __init__(self, client: PipelinedClient, source: str) -> None:
        self._client = client
        self._source = source
        # The hash is Redis's name of a script, not a protection.
        self._name = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[Argument] = (), args: Sequence[Argument] = ()) -> Any:  # noqa: ANN401
        """Executes the script and returns its answer. Raises what the client's `execute` raises."""
        try:
            return await self._client.execute("EVALSHA", self._name, len(keys), *keys, *args)
        except NoScriptError:
            # EVAL executes the script and makes the server remember it.
            return await self._client.execute("EVAL", self._source, len(keys), *keys, *args)
