"""Calls the gRPC health check over a Unix socket without a gRPC library, which takes longer to load than a probe may take.

Each call opens a connection and sends one request: `grpc.health.v1.Health/Check` for the whole server. Only the message of the
answer matters, so header blocks are skipped and not decoded.
"""

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x7
_END_STREAM, _END_HEADERS = 0x1, 0x4
_STREAM: Final = 1
_FRAME_HEADER_BYTES: Final = 9
_MAX_FRAME_BYTES: Final = 16_384
"""The HTTP/2 default, which a server must not exceed unless the client allows more."""
_EMPTY_MESSAGE: Final = bytes(5)  # uncompressed, length 0
_SERVING: Final = b"\x00\x00\x00\x00\x02\x08\x01"  # HealthCheckResponse(status=SERVING)
_REQUEST_HEADERS: Final = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/grpc.health.v1.Health/Check"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _literal(name: str, value: str) -> bytes:
    """Encodes a header field without table index and without Huffman coding. Each part must be shorter than 127 bytes."""
    return b"\x00" + b"".join(bytes((len(part),)) + part.encode("ascii") for part in (name, value))


_REQUEST: Final = (
    _PREFACE
    + _frame(_SETTINGS, 0, 0, b"")
    + _frame(_HEADERS, _END_HEADERS, _STREAM, b"".join(_literal(*header) for header in _REQUEST_HEADERS))
    + _frame(_DATA, _END_STREAM, _STREAM, _EMPTY_MESSAGE)
)


def says_serving(path: Path, timeout_s: float) -> bool:
    """Returns whether the server at the Unix socket `path` answers SERVING within `timeout_s`."""
    return _answer(path, timeout_s) == _SERVING


def answers(path: Path, timeout_s: float) -> bool:
    """Returns whether the server at the Unix socket `path` answers within `timeout_s`, whatever it says."""
    return _answer(path, timeout_s) != b""


def _answer(path: Path, timeout_s: float) -> bytes:
    """Returns the message of the answer; empty if there is none."""
    deadline = time.monotonic() + timeout_s
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(_REQUEST)
            return _message(_frames(connection, deadline))
    except OSError:
        return b""


def _message(frames: Iterator[tuple[int, int, int, bytes]]) -> bytes:
    """Returns the answer's message with its 5-byte prefix. Empty if the call ends without a message."""
    message = b""
    for kind, flags, stream, payload in frames:
        if kind == _GOAWAY or (kind == _RST_STREAM and stream == _STREAM):
            return b""
        if kind == _DATA and stream == _STREAM:
            message += payload
        ends = kind in (_DATA, _HEADERS) and stream == _STREAM and flags & _END_STREAM
        if ends or len(message) >= len(_SERVING):
            break
    return message


def _frames(connection: socket.socket, deadline: float) -> Iterator[tuple[int, int, int, bytes]]:
    """Yields type, flags, stream and payload of each frame until the other side closes."""
    with connection.makefile("rb") as answers:
        while len(header := answers.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES:
            length = int.from_bytes(header[:3], "big")
            if length > _MAX_FRAME_BYTES:
                return
            yield header[3], header[4], struct.unpack(">I", header[5:])[0], answers.read(length)
            connection.settimeout(max(0.001, deadline - time.monotonic()))
