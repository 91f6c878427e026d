"""Posting to servers that misbehave, over real sockets."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.transport.guarded_connections import SystemResolver
from notification_service.transport.lines import Line
from notification_service.transport.posting import MAX_BODY_BYTES, Exchange, Poster
from tests.support.servers.certificates import Authority

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
TLS = ssl.create_default_context()


@asynccontextmanager
async def serving(handle: Handle, tls: ssl.SSLContext | None = None, until: bytes = b"\r\n\r\n") -> AsyncIterator[int]:
    """Runs a server of this machine, which answers after it has read `until`. Yields its port."""

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(until)
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(handled, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answering(content: bytes) -> Handle:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

    return handle


async def resolve_here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def post(
    url: str, *, allowed: str = "", deadline_s: float = 5.0, body: bytes = b"{}", tls: ssl.SSLContext = TLS
) -> Exchange:
    poster = Poster(SystemResolver().resolve, AllowedTargets.parse(allowed), tls, deadline_s)
    return await posted(poster, url, body)


async def posted(poster: Poster, url: str, body: bytes = b"{}") -> Exchange:
    """Posts one message, on a connection of its own."""
    line = Line()
    try:
        return await poster.post(url, {"content-type": "application/json"}, body, line)
    finally:
        await line.aclose()


async def test_no_log_has_the_url_of_a_message(caplog: pytest.LogCaptureFixture) -> None:
    """Seen to fail: the HTTP client logs each request with its URL."""
    caplog.set_level(logging.DEBUG)
    async with serving(answering(OK)) as port:
        exchange = await post(f"http://127.0.0.1:{port}/hooks/SECRET", allowed=f"127.0.0.1:{port}")
    assert exchange.answer is not None
    assert "SECRET" not in caplog.text


async def test_an_allowed_server_is_posted_to() -> None:
    async with serving(answering(OK)) as port:
        exchange = await post(f"http://127.0.0.1:{port}/a", allowed=f"127.0.0.1:{port}")
    assert exchange.answer is not None
    assert (exchange.answer.status, exchange.answer.body, exchange.address) == (200, b"ok", "127.0.0.1")


@pytest.mark.parametrize("host", [
    "127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:1]", "0", "①②⑦.0.0.1", "%31%32%37.0.0.1", "169.254.169.254", "[fd00:ec2::254]",
])  # fmt: skip
async def test_an_internal_address_is_refused_however_it_is_written(host: str) -> None:
    exchange = await post(f"https://{host}/latest/meta-data")
    assert (exchange.answer, exchange.address) == (None, "")
    assert any(reason in exchange.error for reason in ("not public", "malformed", "resolved")), exchange.error
    assert "meta-data" not in exchange.error


async def test_a_name_that_resolves_to_both_is_refused() -> None:
    async def both(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.215.14", "127.0.0.1"]

    exchange = await posted(Poster(both, AllowedTargets(), TLS), "https://receiver.example/")
    assert (exchange.address, exchange.error) == ("", "the host has an address that is not public")


async def test_a_name_that_changes_its_address_is_connected_to_where_it_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rebinding resolver gives a public address first, and an internal one whenever it is asked again."""
    asked: list[str] = []
    connected: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

    async def connect(_self: object, host: str, *_rest: object) -> object:
        connected.append(host)
        raise OSError

    monkeypatch.setattr("httpcore.AnyIOBackend.connect_tcp", connect)
    exchange = await posted(Poster(rebinding, AllowedTargets(), TLS), "https://rebinding.example/")
    assert (asked, connected) == (["rebinding.example"], ["93.184.215.14"])
    assert exchange.answer is None


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    reached: list[bool] = []

    async def internal(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(True)
        writer.write(OK)

    async with serving(internal) as secret:
        location = f"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:{secret}/\r\ncontent-length: 0\r\n\r\n".encode()
        async with serving(answering(location)) as port:
            exchange = await post(f"http://127.0.0.1:{port}/", allowed=f"127.0.0.1:{port},127.0.0.1:{secret}")
    assert exchange.answer is not None
    assert (exchange.answer.status, reached) == (307, [])


@pytest.mark.parametrize("encoding", ["", "content-encoding: gzip\r\n"])
async def test_of_a_huge_answer_only_the_beginning_is_read(encoding: str) -> None:
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(f"HTTP/1.1 200 OK\r\n{encoding}content-length: {10**9}\r\n\r\n".encode())
        while sent < 10**9:
            writer.write(bytes(65_536))
            await writer.drain()
            sent += 65_536

    async with serving(endless) as port:
        exchange = await post(f"http://127.0.0.1:{port}/", allowed=f"127.0.0.1:{port}")
    assert exchange.answer is not None
    assert len(exchange.answer.body) == MAX_BODY_BYTES
    assert sent < 10**8


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b""])
async def test_a_server_that_answers_byte_by_byte_has_the_same_time_as_others(beginning: bytes) -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        for byte in b"HTTP/1.1 200 OK\r\nx-header: " + bytes([120] * 1_000):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    start_s = time.monotonic()
    async with serving(slow) as port:
        exchange = await post(f"http://127.0.0.1:{port}/", allowed=f"127.0.0.1:{port}", deadline_s=0.3)
    assert (exchange.answer, exchange.error) == (None, "no complete answer within 0.3 seconds")
    assert time.monotonic() - start_s < 10


async def test_a_name_server_that_does_not_answer_has_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    exchange = await posted(Poster(silent, AllowedTargets(), TLS, 0.1), "https://receiver.example/")
    assert "within 0.1 seconds" in exchange.error


async def test_a_message_that_is_too_long_is_not_sent() -> None:
    exchange = await post("https://receiver.example/", body=bytes(MAX_BODY_BYTES + 1))
    assert (exchange.address, "longer than" in exchange.error) == ("", True)


@pytest.mark.parametrize("content", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"])
async def test_a_broken_answer_is_a_failure(content: bytes) -> None:
    async with serving(answering(content)) as port:
        exchange = await post(f"http://127.0.0.1:{port}/", allowed=f"127.0.0.1:{port}")
    assert exchange.answer is None
    assert exchange.error.startswith("the connection failed")


async def test_certificates_are_checked(tmp_path: Path) -> None:
    authority, stranger = Authority("known", tmp_path), Authority("stranger", tmp_path)
    trusting = ssl.create_default_context(cafile=str(authority.file))
    wrong = {
        "stranger": (stranger.issue("localhost", tmp_path / "stranger"), "issuer"),
        "another": (authority.issue("another.example", tmp_path / "another"), "mismatch"),
    }
    right = authority.issue("localhost", tmp_path / "right")
    for pair, reason in (*wrong.values(), (right, "")):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair.certificate, pair.key)
        async with serving(answering(OK), tls) as port:
            exchange = await post(f"https://localhost:{port}/", allowed=f"localhost:{port}", tls=trusting)
        assert (exchange.answer is not None) == (not reason), exchange
        assert reason in exchange.error
    async with serving(answering(OK), until=b"localhost") as port:  # in the greeting of TLS
        exchange = await post(f"https://localhost:{port}/", allowed=f"localhost:{port}", tls=trusting)
    assert exchange.error.startswith("TLS failed")


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(answering(OK)) as port:
        exchange = await post(f"http://127.0.0.1:{port}/", allowed=f"127.0.0.1:{port}")
    assert exchange.answer is not None
