"""Serves unary methods to Envoy over a Unix socket: `Connection` on asyncio's transports."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, cast

import grpc
from typing_extensions import override

from gateway_core.runtime.background import in_background
from gateway_core.runtime.lean_grpc.connection import MAX_CALLS, Connection
from gateway_core.runtime.lean_grpc.streams import Stream
from gateway_core.runtime.unary import ANSWER_COMES, StatusError, UnaryMethod

logger = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 256
"""Envoy opens one for each of its worker threads, and another one while an old one is draining."""
_EXPIRY_INTERVAL_S: Final = 0.1


class _Peer(asyncio.Protocol):
    """A connection and the tasks that answer its calls."""

    def __init__(self, server: "LeanServer") -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._flush_is_due = False
        self.connection = Connection(self, self._loop.time, server.max_calls)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No `isinstance` check: uvloop's transports only have the interface of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        if not self._server.admit(self):
            self._transport.abort()
            return
        self._flush()

    @override
    def data_received(self, data: bytes) -> None:
        self.connection.receive(data)
        self._flush()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.leave(self)
        self.connection.close()

    @override
    def pause_writing(self) -> None:
        """Stops reading requests from a peer that does not read responses."""
        if self._transport is not None:
            self._transport.pause_reading()

    @override
    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def begin(self, stream: Stream, message: bytes) -> None:
        """Starts answering a call."""
        method = self._server.methods.get(stream.head.path)
        if method is None:
            self.connection.fail(stream, grpc.StatusCode.UNIMPLEMENTED, "unknown method")
            self.connection.ended()
            return
        self._tasks[stream.stream_id] = self._loop.create_task(self._answer(method, stream, message))

    def cancel(self, stream: Stream) -> None:
        """Cancels the task that answers a call."""
        task = self._tasks.get(stream.stream_id)
        if task is not None:
            task.cancel()

    async def _answer(self, method: UnaryMethod, stream: Stream, message: bytes) -> None:
        ANSWER_COMES.set(partial(self._begin, stream))
        try:
            self.connection.reply(stream, await method.answer(message, stream.head.metadata))
        except StatusError as error:
            self.connection.fail(stream, error.code, error.text)
        finally:
            del self._tasks[stream.stream_id]
            self.connection.ended()
            self.flush_soon()

    def _begin(self, stream: Stream) -> None:
        self.connection.begin(stream)
        self.flush_soon()

    def flush_soon(self) -> None:
        """Sends all responses of this turn of the event loop in one write."""
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if self._transport is None:
            return
        if self.connection.output:
            self._transport.write(b"".join(self.connection.output))
            self.connection.output.clear()
        if self.connection.is_over:
            self._transport.close()


class LeanServer:
    """Serves methods on a bounded number of connections."""

    def __init__(self, methods: Sequence[UnaryMethod], max_calls: int = MAX_CALLS) -> None:
        """Creates a server.

        Args:
            methods: the methods to serve.
            max_calls: maximum of concurrent calls on one connection.
        """
        self.methods = {method.path: method for method in methods}
        self.max_calls = max_calls
        self._peers: set[_Peer] = set()
        self._left_alone = asyncio.Event()

    def admit(self, peer: _Peer) -> bool:
        """Adds a connection. Returns False if there are too many."""
        if len(self._peers) >= MAX_CONNECTIONS:
            logger.warning("refused a connection: too many are open", extra={"connections": len(self._peers)})
            return False
        self._peers.add(peer)
        self._left_alone.clear()
        return True

    def leave(self, peer: _Peer) -> None:
        """Removes a connection that is gone."""
        self._peers.discard(peer)
        if not self._peers:
            self._left_alone.set()

    @asynccontextmanager
    async def listening(self, path: Path, grace_ms: int) -> AsyncIterator[None]:
        """Serves while the context is open. On exit, accepts no new calls and gives those in progress a bounded time.

        Replaces a socket file left by a killed process.
        """
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - before anything is served
        loop = asyncio.get_running_loop()
        listener = await loop.create_unix_server(lambda: _Peer(self), str(path), backlog=MAX_CONNECTIONS)
        try:
            async with in_background(self._keep_expiring()):
                yield
                listener.close()
                await self._finish(grace_ms / 1_000)
        finally:
            listener.close()

    async def _finish(self, grace_s: float) -> None:
        if not self._peers:
            return
        for peer in self._peers:
            peer.connection.finish()
            peer.flush_soon()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._left_alone.wait(), grace_s)
        for peer in tuple(self._peers):
            peer.connection.close()
            peer.flush_soon()
        await asyncio.sleep(0)

    async def _keep_expiring(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRY_INTERVAL_S)
            for peer in tuple(self._peers):
                if not peer.connection.is_idle:
                    peer.connection.expire()
                    peer.flush_soon()
