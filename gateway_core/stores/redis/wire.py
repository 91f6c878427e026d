"""One connection to Redis that many calls share. Their commands are sent together, and the answers return in the same
order.

Everything sent in one turn of the event loop is one write. So concurrent calls share a packet without waiting for each
other. A connection is closed when an answer is late, because the answers after it would be late too.
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
"""By the first word of an error: the classes that redis-py raises."""
_LEAST_LOOK_S: Final = 0.001


class NotSentError(ConnectionError):
    """The command was not sent, so Redis has not seen it."""


class Wire(asyncio.Protocol):
    """A connection. It is used from one event loop, and stays closed once lost."""

    def __init__(self, timeout_s: float, most_waiting: int) -> None:
        """Creates a connection. Pass it to the event loop to connect.

        Args:
            timeout_s: limit for each answer.
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
        """Sends a command and returns a future of its answer. Errors inside a script's answer are returned as values.

        The future raises the errors of redis-py: the server's error, TimeoutError, or ConnectionError if it is unknown
        whether the command was executed.

        Raises:
            NotSentError: there is no connection, or too many commands are waiting.
        """
        if self._transport is None:
            raise NotSentError("the connection to Redis is closed")
        if len(self._waiting) >= self._most_waiting:
            raise NotSentError("too many commands are waiting for Redis")
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type] # a tuple of any of these
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((answer, self._loop.time() + self._timeout_s))
        if self._look is None:
            self._look = self._loop.call_later(self._timeout_s, self._look_for_late)
        return answer

    def close(self, error: Exception | None = None) -> None:
        """Closes the connection. Waiting commands fail with the error."""
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
        # No `isinstance` check: uvloop's transports only have the interface of asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not False:
                self._take(answer)
        except (hiredis.ProtocolError, IndexError, ValueError) as error:
            # An answer without a command is as wrong as one that cannot be parsed, or a redirect to nowhere.
            self.close(ConnectionError(f"Redis violated its protocol: {type(error).__name__}"))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.close(ConnectionError(f"the connection to Redis was lost: {type(exc).__name__ if exc else 'closed'}"))

    def _take(self, answer: Any) -> None:  # noqa: ANN401 - any type of Redis
        future, _ = self._waiting.popleft()
        if future.done():
            return  # The caller no longer waits.
        if not isinstance(answer, Exception):
            future.set_result(answer)
            return
        future.set_exception(answer)
        if isinstance(answer, ReadOnlyError | BusyLoadingError):
            # Another server may have taken over, or this one is loading. Connecting again will show.
            self.close()

    def _flush(self) -> None:
        if self._transport is None or not self._unsent:
            return
        data = b"".join(self._unsent)
        self._unsent.clear()
        try:
            self._transport.write(data)
        except RuntimeError as error:
            # uvloop raises RuntimeError if the server has just closed the connection.
            self.close(ConnectionError(str(error)))

    def _look_for_late(self) -> None:
        """Serves all commands with one timer: checks the oldest one, and again when that one would be late."""
        self._look = None
        if not self._waiting:
            return
        left_s = self._waiting[0][1] - self._loop.time()
        if left_s <= 0:
            self.close(TimeoutError("Redis did not answer in time"))
        else:
            self._look = self._loop.call_later(max(left_s, _LEAST_LOOK_S), self._look_for_late)


def _error_of(message: str) -> Exception:
    """Returns redis-py's error for a server's error message. It is truncated, because a script's error may quote arguments."""
    code, _, rest = message.partition(" ")
    return _ERRORS[code](rest[:200]) if code in _ERRORS else ResponseError(message[:200])
