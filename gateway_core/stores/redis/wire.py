"""One connection to Redis that many calls share: their commands go out together, and the answers come back in the same order.

What is sent in one turn of the event loop is one write, so that calls that are decided at the same time share a packet without
waiting for each other. A connection on which an answer is late is given up: the answers behind it would be late too.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, cast

import hiredis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - Redis' own names
    MovedError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)
from typing_extensions import override

Argument = str | bytes | int

_ERRORS: Final[dict[str, type[ResponseError] | type[ConnectionError]]] = {
    "ASK": AskError,
    "CLUSTERDOWN": ClusterDownError,
    "LOADING": BusyLoadingError,
    "MASTERDOWN": ClusterDownError,
    "MOVED": MovedError,
    "NOAUTH": AuthenticationError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "TRYAGAIN": TryAgainError,
    "WRONGPASS": AuthenticationError,
}
"""By the first word of an error; the same classes as redis-py raises."""
_LEAST_LOOK_S: Final = 0.001


class NotSentError(ConnectionError):
    """The command was not sent: Redis has not seen it."""


class Wire(asyncio.Protocol):
    """A connection. It is used from one event loop, and once lost it stays so."""

    def __init__(self, timeout_s: float, most_waiting: int) -> None:
        """Prepares a connection; the event loop makes it.

        Args:
            timeout_s: how long an answer may take.
            most_waiting: how many commands may wait for their answers.
        """
        self._timeout_s = timeout_s
        self._most_waiting = most_waiting
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=_error_of, encoding="utf-8", errors="replace")
        self._transport: asyncio.WriteTransport | None = None
        self._unsent: list[bytes] = []
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._look: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._transport is not None

    def send(self, command: Sequence[Argument]) -> asyncio.Future[Any]:
        """Sends a command; the future gives its answer, in which errors of scripts' parts stay as they are.

        The future raises the errors of redis-py: what the server says, TimeoutError, and ConnectionError when it cannot be known
        whether the command was carried out.

        Raises:
            NotSentError: there is no connection, or too many commands wait.
        """
        if self._transport is None:
            raise NotSentError("the connection to Redis is closed")
        if len(self._waiting) >= self._most_waiting:
            raise NotSentError("too many commands wait for Redis")
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type] # a tuple of any of these
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((answer, self._loop.time() + self._timeout_s))
        if self._look is None:
            self._look = self._loop.call_later(self._timeout_s, self._look_for_late)
        return answer

    def close(self, error: Exception | None = None) -> None:
        """Gives the connection up; whoever waits gets the error."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._look is not None:
            self._look.cancel()
            self._look = None
        self._unsent.clear()
        error = error or ConnectionError("the connection to Redis was closed")
        while self._waiting:
            answer, _ = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(error)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not by `isinstance`: uvloop's transports only look like those of asyncio.
        self._transport = cast("asyncio.WriteTransport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                self._take(answer)
        except (hiredis.ProtocolError, IndexError, ValueError) as error:
            # An answer to nothing is as wrong as one that cannot be read, or a redirect to nowhere.
            self.close(ConnectionError(f"Redis does not keep to its protocol: {type(error).__name__}"))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.close(ConnectionError(f"the connection to Redis was lost: {type(exc).__name__ if exc else 'closed'}"))

    def _take(self, answer: Any) -> None:  # noqa: ANN401 - whatever Redis says
        future, _ = self._waiting.popleft()
        if future.done():
            return  # Nobody waits any more.
        if not isinstance(answer, Exception):
            future.set_result(answer)
            return
        future.set_exception(answer)
        if isinstance(answer, ReadOnlyError | BusyLoadingError):
            # It is another server's turn, or this one's later: connecting anew finds out.
            self.close()

    def _flush(self) -> None:
        if self._transport is None or not self._unsent:
            return
        data = b"".join(self._unsent)
        self._unsent.clear()
        try:
            self._transport.write(data)
        except RuntimeError as error:
            # So uvloop says that the server has just closed the connection.
            self.close(ConnectionError(str(error)))

    def _look_for_late(self) -> None:
        """One timer for all commands: it looks at the oldest, and again when that one would be late."""
        self._look = None
        if not self._waiting:
            return
        left_s = self._waiting[0][1] - self._loop.time()
        if left_s <= 0:
            self.close(TimeoutError("Redis did not answer in time"))
        else:
            self._look = self._loop.call_later(max(left_s, _LEAST_LOOK_S), self._look_for_late)


def _error_of(message: str) -> Exception:
    """The error of redis-py for what a server says. The text of a script's error may quote its arguments: it is cut."""
    code, _, rest = message.partition(" ")
    return _ERRORS[code](rest[:200]) if code in _ERRORS else ResponseError(message[:200])
