"""A TCP proxy on the loopback interface that can stall, cut and restore its connections. It runs in its own thread."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

HOST = "127.0.0.1"
CHUNK_BYTES = 64 * 1024
_START_TIMEOUT_S = 5.0

T = TypeVar("T")


class TcpProxy:
    """Forwards connections to a port of the same machine.

    `stall` keeps connections open but lets no byte through, like a network that loses every packet. `cut` resets connections and
    refuses new ones. `restore` ends either; stalled bytes then arrive.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._flowing = asyncio.Event()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_TIMEOUT_S)
        self._loop.close()

    def stall(self) -> None:
        """Stops all traffic in both directions."""
        self._call(self._set(flowing=False))

    def cut(self) -> None:
        """Resets every connection and refuses new ones."""
        self._call(self._set(flowing=True, refusing=True))

    def reset_connections(self) -> None:
        """Resets every connection once, and keeps accepting new ones."""
        self._call(self._reset())

    def restore(self) -> None:
        """Lets traffic pass again."""
        self._call(self._set(flowing=True))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_TIMEOUT_S)

    async def _listen(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _set(self, *, flowing: bool, refusing: bool = False) -> None:
        self._refusing = refusing
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()
        if refusing:
            await self._reset()

    async def _reset(self) -> None:
        for writer in tuple(self._writers):
            _reset(writer)
        await asyncio.sleep(0)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        target: asyncio.StreamWriter | None = None
        try:
            if self._refusing:
                return
            await self._flowing.wait()
            target_reader, target = await asyncio.open_connection(HOST, self._target_port)
            self._writers.add(target)
            await asyncio.gather(self._pass_on(reader, target), self._pass_on(target_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for side in (writer, target):
                if side is not None:
                    self._writers.discard(side)
                    _reset(side)
            self._tasks.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forwards one direction.

        Raises when it ends, to end the other too: PostgreSQL and Redis use no half-closed connections.
        """
        while data := await reader.read(CHUNK_BYTES):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        connection = writer.get_extra_info("socket")
        if connection is not None:
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
