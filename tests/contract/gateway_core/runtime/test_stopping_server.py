"""What gRPC's server answers to calls when it stops. Envoy sends only calls again that no handler has received."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import hpack
import pytest

from gateway_core.runtime.lean_grpc.frames import (
    ACK,
    FRAME_HEADER,
    FRAME_HEADER_BYTES,
    PREFACE,
    Kind,
    frame,
    settings_frame,
)
from gateway_core.runtime.unary import generic_handler
from tests.contract.gateway_core.runtime.lean_grpc.methods import Answers
from tests.contract.gateway_core.runtime.lean_grpc.peer import HEADERS, call

WAIT = tuple(
    (name, "/test.Test/Wait" if name == ":path" else value) for name, value in HEADERS if name != "grpc-timeout"
)
CANCELLED, UNAVAILABLE = "1", "14"
WITHIN_S = 10.0


@dataclass
class Peer:
    """A connection that shows the answers, and does not mind that the server goes away."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    decoder: hpack.Decoder = field(default_factory=hpack.Decoder)

    async def status_of(self, wanted: int) -> str:
        """Returns the gRPC status of a call. Headers of all streams must be decoded, because they share a table."""
        while True:
            high, low, kind, flags, stream_id = FRAME_HEADER.unpack(await self.reader.readexactly(FRAME_HEADER_BYTES))
            payload = await self.reader.readexactly(high << 16 | low)
            if kind == Kind.PING and not flags & ACK:
                self.writer.write(frame(Kind.PING, ACK, 0, payload))
            if kind == Kind.HEADERS:
                headers = {str(name): str(value) for name, value in self.decoder.decode(payload)}
                if stream_id == wanted and "grpc-status" in headers:
                    return headers["grpc-status"]


@dataclass(frozen=True)
class Running:
    server: grpc.aio.Server
    answers: Answers
    peer: Peer


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A server with one call under way, on stream 1."""
    server, answers = grpc.aio.server(), Answers()
    server.add_generic_rpc_handlers((generic_handler(answers.methods),))
    server.add_insecure_port(f"unix:{tmp_path / 'socket'}")
    await server.start()
    reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
    try:
        async with asyncio.timeout(WITHIN_S):
            writer.write(PREFACE + settings_frame({}) + call(1, headers=WAIT))
            while answers.under_way == 0:
                await asyncio.sleep(0.01)
            yield Running(server, answers, Peer(reader, writer))
    finally:
        writer.close()
        await server.stop(None)


async def test_a_call_that_arrives_after_the_stop_began_is_canceled_and_reaches_no_handler(running: Running) -> None:
    stopping = asyncio.create_task(running.server.stop(WITHIN_S))
    await asyncio.sleep(0)
    running.peer.writer.write(call(3, headers=WAIT))
    assert await running.peer.status_of(3) == CANCELLED
    running.answers.release.set()
    assert await running.peer.status_of(1) == "0"
    await stopping
    assert running.answers.most_under_way == 1


async def test_a_call_that_a_stop_cuts_off_is_not_canceled(running: Running) -> None:
    """Its handler may have done its work."""
    stopping = asyncio.create_task(running.server.stop(0.1))
    assert await running.peer.status_of(1) == UNAVAILABLE
    await stopping
