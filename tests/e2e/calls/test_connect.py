"""CONNECT is refused at once, on both listeners and over both versions of HTTP."""

import json
import socket
from dataclasses import dataclass

import h2.connection
import hpack
import pytest
from hyperframe.frame import DataFrame, Frame, HeadersFrame

from deploy.local.supervision.embedded_stack import Stack

TIMEOUT_S = 30
FRAME_HEADER_BYTES = 9
CONNECT = [(":method", "CONNECT"), (":authority", "example.org:443")]
LISTENERS = {"models": "MEGAROUTER_BASE_URL", "admin": "MEGAROUTER_ADMIN_URL"}


@dataclass
class Answer:
    """An answer on one stream."""

    status: int
    body: bytes = b""
    has_ended: bool = False


@pytest.fixture(params=LISTENERS)
def address(request: pytest.FixtureRequest, stack: Stack) -> tuple[str, int]:
    host, _, port = (
        stack.environment[LISTENERS[request.param]].removeprefix("http://").partition("/")[0].rpartition(":")
    )
    return host, int(port)


@pytest.mark.parametrize("ends", [True, False])
def test_connect_over_http2_is_refused(address: tuple[str, int], *, ends: bool) -> None:
    """Seen to fail without the route `connect_refused`: 500 on the model listener, and no answer if the stream stays open."""
    answer = ask_over_http2(address, [CONNECT], ends=ends)[1]
    assert answer.status in {403, 426}
    body = json.loads(answer.body)
    assert "upgrades" in body.get("error", body)["message"]


def test_connect_over_http1_is_refused(address: tuple[str, int]) -> None:
    """Seen to fail without the route `connect_refused`: no answer."""
    with socket.create_connection(address, timeout=TIMEOUT_S) as wire:
        wire.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n")
        assert wire.recv(65_536).startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 426 "))


def test_a_call_beside_it_on_the_connection_is_answered(address: tuple[str, int]) -> None:
    """Envoy announces that it will close the connection, but answers what is on it."""
    plain = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/v1/nothing")]
    assert ask_over_http2(address, [CONNECT, plain]).keys() == {1, 3}


def ask_over_http2(
    address: tuple[str, int], requests: list[list[tuple[str, str]]], *, ends: bool = True
) -> dict[int, Answer]:
    """Sends requests over one connection, and returns the answers by stream.

    Reads frames itself, because h2 accepts none after a GOAWAY.
    """
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    for number, headers in enumerate(requests):
        connection.send_headers(1 + 2 * number, headers, end_stream=ends)
    answers: dict[int, Answer] = {}
    decoder = hpack.Decoder()
    with socket.create_connection(address, timeout=TIMEOUT_S) as wire, wire.makefile("rb") as frames:
        wire.sendall(connection.data_to_send())
        while len(answers) < len(requests) or not all(answer.has_ended for answer in answers.values()):
            header = frames.read(FRAME_HEADER_BYTES)
            frame, length = Frame.parse_frame_header(memoryview(header))
            frame.parse_body(memoryview(frames.read(length)))
            if isinstance(frame, HeadersFrame):
                status = next(int(value) for name, value in decoder.decode(frame.data, raw=True) if name == b":status")
                answers[frame.stream_id] = Answer(status)
            if isinstance(frame, DataFrame):
                answers[frame.stream_id].body += frame.data
            if "END_STREAM" in frame.flags:
                answers[frame.stream_id].has_ended = True
    return answers
