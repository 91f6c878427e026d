"""The connection of a channel, which carries several messages, over real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.transport.lines import Line
from notification_service.transport.posting import MAX_BODY_BYTES, Exchange, Poster

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
TLS = ssl.create_default_context()


@dataclass
class Server:
    """Answers every message of every connection."""

    answer: Callable[[int], bytes] = lambda _number: OK
    """By the number of the message on its connection."""
    hangs_up_after: int | None = None
    port: int = 0
    messages: list[int] = field(default_factory=list)
    """The number of the connection that each came on."""
    connections: int = 0
    open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        own, number = self.connections, 0
        with suppress(OSError, asyncio.IncompleteReadError):
            while number != self.hangs_up_after:
                await reader.readuntil(b"\r\n\r\n{}")
                number += 1
                self.messages.append(own)
                writer.write(self.answer(number))
                await writer.drain()
        self.open -= 1
        writer.close()


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Server]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


async def resolve_here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def post(server: Server, line: Line, host: str = "receiver.example") -> Exchange:
    allowed = AllowedTargets.parse(f"receiver.example:{server.port},another.example:{server.port}")
    poster = Poster(resolve_here, allowed, TLS, deadline_s=5.0)
    return await poster.post(f"http://{host}:{server.port}/hook", {}, b"{}", line)


async def test_messages_in_a_row_share_a_connection_that_ends_with_the_line() -> None:
    async with running(Server()) as server:
        line = Line()
        exchanges = [await post(server, line) for _ in range(3)]
        assert [(one.answer is not None, one.address) for one in exchanges] == [(True, "127.0.0.1")] * 3
        assert (server.messages, server.open) == ([1, 1, 1], 1)
        await line.aclose()
        async with asyncio.timeout(30):
            while server.open:
                await asyncio.sleep(0.01)


async def test_another_server_gets_another_connection() -> None:
    async with running(Server()) as server:
        line = Line()
        for host in ("receiver.example", "another.example", "receiver.example"):
            await post(server, line, host)
        assert server.messages == [1, 2, 3]
        await line.aclose()


async def test_an_old_connection_is_replaced_so_that_its_address_is_checked_again() -> None:
    async with running(Server()) as server:
        line = Line(oldest_s=0.0)
        for _ in range(2):
            await post(server, line)
        assert server.messages == [1, 2]
        await line.aclose()


async def test_a_connection_that_the_server_has_closed_meanwhile_costs_no_attempt() -> None:
    async with running(Server(hangs_up_after=1)) as server:
        line = Line()
        for _ in range(2):
            assert (await post(server, line)).answer is not None
            async with asyncio.timeout(30):
                while server.open:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        assert server.messages == [1, 2]
        await line.aclose()


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (2 * MAX_BODY_BYTES) + bytes(MAX_BODY_BYTES),
    b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
], ids=["says so", "is read in part", "is old"])  # fmt: skip
async def test_a_connection_whose_answer_ends_it_is_not_used_again(answer: bytes) -> None:
    async with running(Server(lambda _number: answer)) as server:
        line = Line()
        for _ in range(2):
            assert (await post(server, line)).answer is not None
        assert server.messages == [1, 2]
        await line.aclose()


async def test_bytes_after_an_answer_are_no_answer_to_the_next_message() -> None:
    """A server that sends more than one answer gets no second message on that connection."""
    async with running(Server(lambda number: OK + OK.replace(b"200 OK", b"410 Gone") if number == 1 else OK)) as server:
        line = Line()
        for _ in range(2):
            exchange = await post(server, line)
            assert exchange.answer is not None
            assert exchange.answer.status == 200
        assert server.messages == [1, 2]
        await line.aclose()


async def test_a_connection_on_which_tls_never_begins_is_closed() -> None:
    """Seen to stay open: httpcore forgets a connection whose attempt ends while TLS begins."""
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000):
            pass
        closed.set()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    poster = Poster(resolve_here, AllowedTargets.parse(f"receiver.example:{port}"), TLS, deadline_s=0.2)
    line = Line()
    exchange = await poster.post(f"https://receiver.example:{port}/", {}, b"{}", line)
    assert "within 0.2 seconds" in exchange.error
    async with asyncio.timeout(30):
        await closed.wait()
    listening.close()
