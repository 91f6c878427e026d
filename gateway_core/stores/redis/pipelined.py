"""A client for the scripts that every call needs: redis-py spends more on a command than the whole decision around it.

It speaks to one server over one connection, on which everything is pipelined; it connects when it is needed and again after a
loss. `clustered` makes of several of them a client of a Redis Cluster. For everything else there is redis-py, which offers scripts
by the same interface.
"""

import asyncio
import hashlib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import ConnectionError, NoScriptError, RedisError, TimeoutError  # noqa: A004 - Redis' own names

from gateway_core.runtime.backoff import Backoff
from gateway_core.stores.redis.wire import Argument, NotSentError, Wire

MOST_WAITING: Final = 10_000
"""Commands under way, unless told otherwise."""
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.2
"""Between attempts to connect. Whoever comes in between is refused at once."""


class Script(Protocol):
    """A Lua script that may be carried out again and again: repeating it after a lost answer does no harm."""

    async def __call__(self, keys: Any = None, args: Any = None) -> Any:  # noqa: ANN401 - as redis-py has it
        """Its answer, with texts as `str`."""


class ScriptClient(Protocol):
    """What the counters need of a client: redis-py's, for one server or a cluster, or a `PipelinedClient`."""

    def register_script(self, script: str) -> Any:  # noqa: ANN401 - redis-py gives a class of its own
        """A `Script` of this source."""


class PipelinedClient(ScriptClient, Protocol):
    """What the hot path has: `PipelinedRedis`, or `ClusteredRedis` of a cluster."""

    async def execute(self, *command: Argument) -> Any:  # noqa: ANN401 - whatever Redis says
        """The answer to a command that may be repeated."""

    async def ping(self) -> object:
        """Asks for a sign of life of all there is."""

    async def answers(self) -> bool:
        """Whether there is anything that can be used."""

    async def aclose(self) -> None:
        """Ends the connections."""


class PipelinedRedis:
    """A client of one Redis server."""

    def __init__(self, url: str, *, timeout_ms: int = 800, most_waiting: int = MOST_WAITING) -> None:
        """Prepares a client; nothing is connected yet.

        Args:
            url: as redis-py reads it: `redis://`, `rediss://` or `unix://`.
            timeout_ms: how long an answer may take, and how long connecting may.
            most_waiting: how many commands may be under way.
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
        """A script by its source. It is loaded when the server turns out not to know it."""
        return PipelinedScript(self, script)

    async def ping(self) -> object:
        """Asks for a sign of life."""
        return await self.execute("PING")

    async def answers(self) -> bool:
        """Whether the server answers."""
        with suppress(RedisError, OSError):
            return bool(await self.ping())
        return False

    async def execute(self, *command: Argument) -> Any:  # noqa: ANN401 - whatever Redis says
        """The answer to a command that may be repeated: after a lost connection it is sent once more.

        Raises:
            gateway_core.stores.redis.connections.UNAVAILABLE: no answer; the command may have been carried out.
            redis.exceptions.ResponseError: what the server says.
        """
        try:
            return await self.send(command)
        except NotSentError:
            raise
        except TimeoutError:
            raise  # The next answer would be as late.
        except ConnectionError:
            return await self.send(command)

    async def send(self, command: Sequence[Argument], *, asking: bool = False) -> Any:  # noqa: ANN401
        """As `execute`, but sends it once.

        Args:
            command: it.
            asking: whether its slot of a cluster is on its way to this server, which serves it then only to who says so.
        """
        wire = self._wire
        if wire is None or not wire.is_open:
            wire = await self._connected()
        if not asking:
            return await wire.send(command)
        _, answer = await asyncio.gather(wire.send(("ASKING",)), wire.send(command))
        return answer

    async def _connected(self) -> Wire:
        """A connection that all who need one wait for."""
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
        except (OSError, EOFError) as error:  # also the time-out of asyncio
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
            ssl=ssl.create_default_context(cafile=target.get("ssl_ca_certs")) if secure else None,
        )
        return wire

    async def _introduce(self, wire: Wire) -> None:
        """Says who is there and which database is meant."""
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
        """Ends the connection, a coming one once it is there; whoever waits is told."""
        self._is_closed = True
        if self._wire is not None:
            self._wire.close()

    async def aclose(self) -> None:
        """Ends the connection, and does not wait for a coming one."""
        if self._connecting is not None:
            self._connecting.cancel()
        self.close()


class PipelinedScript:
    """A script on a `PipelinedClient`, called by its hash."""

    def __init__(self, client: PipelinedClient, source: str) -> None:
        self._client = client
        self._source = source
        # The name Redis gives to a script, not a protection.
        self._name = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[Argument] = (), args: Sequence[Argument] = ()) -> Any:  # noqa: ANN401
        """Its answer. Raises what the client's `execute` raises."""
        try:
            return await self._client.execute("EVALSHA", self._name, len(keys), *keys, *args)
        except NoScriptError:
            # With its source it is carried out and known from then on.
            return await self._client.execute("EVAL", self._source, len(keys), *keys, *args)
