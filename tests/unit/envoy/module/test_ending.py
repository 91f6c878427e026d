"""How Envoy ends when whatever runs it sends SIGTERM, as `docker stop` and Kubernetes do."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from megarouter_envoy.binary import IDLE_CLOSED_WITHIN_S

from tests.support.envoys.lone_envoy import UNDECIDED, LoneEnvoy, running_envoy

FILTERS = *UNDECIDED, "megarouter.rewriter"
PIECES = [b"one ", b"two ", b"three"]
PAUSE_S = 0.5


async def answer_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause_s: float) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in PIECES:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.write(b"0\r\n\r\n")
    writer.close()


@asynccontextmanager
async def streaming(
    tmp_path: Path, grace_s: int, pause_s: float = PAUSE_S
) -> AsyncIterator[tuple[LoneEnvoy, aiohttp.ClientResponse]]:
    """Runs an Envoy through which a stream has begun."""
    provider = await asyncio.start_server(partial(answer_slowly, pause_s=pause_s), "127.0.0.1", 0)
    port = provider.sockets[0].getsockname()[1]
    async with (
        provider,
        running_envoy(tmp_path, FILTERS, port, grace_s) as envoy,
        aiohttp.ClientSession() as session,
        session.get(envoy.url) as response,
    ):
        assert await response.content.readany() == PIECES[0]
        yield envoy, response


async def ended_after_s(process: Process, since_s: float) -> float:
    async with asyncio.timeout(30):
        assert await process.wait() == 0
    return time.monotonic() - since_s


async def test_on_sigterm_streams_finish_and_new_connections_are_refused(tmp_path: Path) -> None:
    """Seen to fail without the extension: Envoy exits at once, and the stream is cut."""
    async with streaming(tmp_path, grace_s=10) as (envoy, response):
        began_s = time.monotonic()
        envoy.process.terminate()
        await asyncio.sleep(PAUSE_S / 2)
        with pytest.raises(aiohttp.ClientConnectorError):
            async with aiohttp.ClientSession() as another, another.get(envoy.url):
                pass
        assert await response.read() == b"".join(PIECES[1:])
        assert await ended_after_s(envoy.process, began_s) < len(PIECES) * PAUSE_S + 2


async def test_a_stream_that_outlasts_the_grace_is_cut(tmp_path: Path) -> None:
    """A call may begin on an idle connection until that is closed, and has the grace from then on."""
    async with streaming(tmp_path, grace_s=1, pause_s=IDLE_CLOSED_WITHIN_S / 2) as (envoy, response):
        began_s = time.monotonic()
        envoy.process.terminate()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
        assert 0.9 < await ended_after_s(envoy.process, began_s) - IDLE_CLOSED_WITHIN_S < 3


async def test_idle_connections_are_closed_while_streams_go_on(tmp_path: Path) -> None:
    """Seen to fail with Envoy's own drain time: they stayed open, and a stream that began on one was cut."""
    async with streaming(tmp_path, grace_s=10, pause_s=IDLE_CLOSED_WITHIN_S / 2) as (envoy, response):
        url = urlsplit(envoy.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        await asyncio.sleep(PAUSE_S)
        envoy.process.terminate()
        async with asyncio.timeout(IDLE_CLOSED_WITHIN_S + 1):
            assert await reader.read() == b""
        writer.close()
        assert await response.read() == b"".join(PIECES[1:])


async def test_a_second_signal_ends_envoy_at_once(tmp_path: Path) -> None:
    async with streaming(tmp_path, grace_s=10) as (envoy, response):
        envoy.process.terminate()
        await asyncio.sleep(PAUSE_S / 5)
        assert envoy.process.returncode is None
        began_s = time.monotonic()
        envoy.process.terminate()
        assert await ended_after_s(envoy.process, began_s) < PAUSE_S
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_idle_connections_do_not_keep_envoy(tmp_path: Path) -> None:
    async with streaming(tmp_path, grace_s=10) as (envoy, response):
        await response.read()  # the session keeps the connection
        began_s = time.monotonic()
        envoy.process.terminate()
        assert 0.4 < await ended_after_s(envoy.process, began_s) < 3
