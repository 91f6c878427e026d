"""A peer that sends arbitrary bytes and reads frames."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import hpack

from gateway_core.runtime.lean_grpc.connection import Connection
from gateway_core.runtime.lean_grpc.frames import (
    END_HEADERS,
    END_STREAM,
    PREFACE,
    ErrorCode,
    Kind,
    frame,
    settings_frame,
)
from gateway_core.runtime.lean_grpc.streams import Stream

HEADERS = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Test/Echo"),
    (":authority", "authz"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
    ("grpc-timeout", "2000m"),
)


@dataclass
class Recorded:
    """Records the calls that a connection passes on. Only the test answers them."""

    begun: list[tuple[Stream, bytes]] = field(default_factory=list)
    canceled: list[int] = field(default_factory=list)

    def begin(self, stream: Stream, message: bytes) -> None:
        self.begun.append((stream, message))

    def cancel(self, stream: Stream) -> None:
        self.canceled.append(stream.stream_id)

    @property
    def messages(self) -> list[bytes]:
        return [message for _, message in self.begun]


@dataclass(frozen=True)
class Frame:
    """A frame, as the peer reads it."""

    kind: Kind
    flags: int
    stream_id: int
    payload: bytes


class Clock:
    """A clock in seconds that tests advance."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def opened(calls: Recorded | None = None, clock: Clock | None = None, max_calls: int = 100) -> Connection:
    """Returns a connection after its preface, with its own first frames already read."""
    connection = Connection(calls or Recorded(), clock or Clock(), max_calls)
    connection.receive(PREFACE + settings_frame({}) + frame(Kind.SETTINGS, 1, 0))
    connection.output.clear()
    return connection


def block(headers: Sequence[tuple[str, str]] = HEADERS, *, table_bytes: int = 0) -> bytes:
    encoder = hpack.Encoder()
    encoder.header_table_size = table_bytes
    return bytes(encoder.encode(headers))


def message(content: bytes = b"hello", *, compressed: int = 0) -> bytes:
    return struct.pack(">BL", compressed, len(content)) + content


def call(stream_id: int = 1, content: bytes = b"hello", headers: Sequence[tuple[str, str]] = HEADERS) -> bytes:
    return frame(Kind.HEADERS, END_HEADERS, stream_id, block(headers)) + frame(
        Kind.DATA, END_STREAM, stream_id, message(content)
    )


def sent(connection: Connection) -> list[Frame]:
    """Returns the frames that the connection sent since the last call."""
    data = b"".join(connection.output)
    connection.output.clear()
    frames = []
    while data:
        high, low, kind, flags, stream_id = struct.unpack_from(">BHBBL", data)
        length = high << 16 | low
        frames.append(Frame(Kind(kind), flags, stream_id, data[9 : 9 + length]))
        data = data[9 + length :]
    return frames


def ended_with(connection: Connection) -> ErrorCode | None:
    """Returns the error code with which the connection was closed, or None."""
    codes = [
        ErrorCode(struct.unpack_from(">LL", one.payload)[1]) for one in sent(connection) if one.kind is Kind.GOAWAY
    ]
    assert len(codes) == int(connection.is_over)
    return codes[0] if codes else None


def headers_of(one: Frame) -> dict[str, str]:
    decoder = hpack.Decoder()
    return {str(name): str(value) for name, value in decoder.decode(one.payload)}


def status_of(connection: Connection) -> str | None:
    """Returns the gRPC status of the first answered call."""
    found = [headers_of(one) for one in sent(connection) if one.kind is Kind.HEADERS]
    return next((headers["grpc-status"] for headers in found if "grpc-status" in headers), None)


def assert_bounded(connection: Connection, under_way: int, max_calls: int) -> None:
    """Asserts the bounds on what a connection keeps."""
    assert under_way <= max_calls
    assert len(connection._streams) <= 2 * max_calls
    assert len(connection._reader._rest) < 16_384 + 9


HEAD: Final = frame(Kind.HEADERS, END_HEADERS, 1, block())
"""The HEADERS frame of a call whose message has not been sent."""
