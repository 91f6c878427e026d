"""Passes connections on to the gateway and notes the requests and statuses that a client and the gateway exchange."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_CHUNK_BYTES = 65_536
_REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS) (\S+) HTTP/1\.1\r\n")
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass
class Exchange:
    """What passed. Clients write a request head, and the gateway an answer's head, in one piece."""

    url: str
    requests: list[str] = field(default_factory=list)
    """Method and path of each request."""
    statuses: list[int] = field(default_factory=list)


@contextlib.asynccontextmanager
async def recorded(base_url: str) -> AsyncIterator[Exchange]:
    """Yields what passes through an address of its own."""
    target = urlsplit(base_url)
    exchange = Exchange("")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(target.hostname, target.port)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(
                _pass_on(reader, requests, lambda part: _note_request(exchange, part)),
                _pass_on(answers, writer, lambda part: _note_status(exchange, part)),
            )

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    exchange.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield exchange
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[bytes], None]) -> None:
    try:
        while part := await reader.read(_CHUNK_BYTES):
            note(part)
            writer.write(part)
            await writer.drain()
    finally:
        writer.close()


def _note_request(exchange: Exchange, part: bytes) -> None:
    if found := _REQUEST.match(part):
        exchange.requests.append(f"{found[1].decode()} {found[2].decode()}")


def _note_status(exchange: Exchange, part: bytes) -> None:
    if found := _STATUS.match(part):
        exchange.statuses.append(int(found[1]))
