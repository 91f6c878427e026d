"""A load balancer in front of several gateways. It chooses a gateway for each connection, as a Service of Kubernetes does."""

import asyncio
import contextlib
import http.client
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
PROBE_INTERVAL_S = 0.5
PROBE_TIMEOUT_S = 2.0
FAILURES_UNTIL_UNREADY = 2
CHUNK_BYTES = 65_536


@dataclass(eq=False)
class Backend:
    """A gateway behind the load balancer."""

    model_port: int
    admin_port: int
    is_aside: bool = False
    """Whether it is about to stop, so it gets no new connections. Kubernetes knows this from the pod's deletion."""
    failures: int = FAILURES_UNTIL_UNREADY

    @property
    def is_chosen(self) -> bool:
        """Whether it gets new connections."""
        return not self.is_aside and self.failures < FAILURES_UNTIL_UNREADY

    async def probe(self) -> None:
        """Asks the model listener whether it serves. That needs authz_service too, except in 0.2.0, which has no such page."""
        self.failures = 0 if await asyncio.to_thread(self._answers) else self.failures + 1

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.model_port, timeout=PROBE_TIMEOUT_S)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status in {http.client.OK, http.client.NOT_FOUND}
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Balancer:
    """Passes connections to the gateways in turn. A connection stays where it is until one side closes it.

    A connection that its gateway refuses is refused: nothing is repeated.
    """

    def __init__(self, backends: list[Backend]) -> None:
        self.backends = backends
        self.model_port = 0
        self.admin_port = 0
        self.unplaced = 0
        """Connections that no gateway took."""
        self._turns: Iterator[int] = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._probing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for backend in self.backends:
            await backend.probe()
        model = await asyncio.start_server(self._accept_model, HOST, 0)
        admin = await asyncio.start_server(self._accept_admin, HOST, 0)
        self.model_port, self.admin_port = (server.sockets[0].getsockname()[1] for server in (model, admin))
        self._servers = [model, admin]
        self._probing = asyncio.create_task(self._probe())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        tasks = [*self._tasks, *filter(None, [self._probing])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def until_chosen(self, backend: Backend, timeout_s: float = 30.0) -> None:
        """Waits until a gateway gets new connections."""
        async with asyncio.timeout(timeout_s):
            while not backend.is_chosen:
                await asyncio.sleep(0.05)

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(PROBE_INTERVAL_S)
            await asyncio.gather(*(backend.probe() for backend in self.backends))

    async def _accept_model(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, is_admin=False)

    async def _accept_admin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, is_admin=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_admin: bool) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        target: asyncio.StreamWriter | None = None
        try:
            chosen = [backend for backend in self.backends if backend.is_chosen]
            if chosen:
                backend = chosen[next(self._turns) % len(chosen)]
                port = backend.admin_port if is_admin else backend.model_port
                target_reader, target = await asyncio.open_connection(HOST, port)
                await _both_ways(reader, writer, target_reader, target)
            else:
                self.unplaced += 1
        except (OSError, asyncio.CancelledError):
            if target is None:
                self.unplaced += 1
        finally:
            for side in filter(None, (writer, target)):
                side.close()
            self._tasks.discard(task)


async def _both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target_reader: asyncio.StreamReader,
    target: asyncio.StreamWriter,
) -> None:
    """Forwards both directions until each has ended."""
    await asyncio.gather(_forward(reader, target), _forward(target_reader, writer))


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
