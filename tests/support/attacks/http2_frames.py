"""HTTP/2 as bytes: frames and headers in any order and form, and what the server answers on one connection."""

import asyncio
import contextlib
import enum
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REDIRECTED: Final = 307
FIRST_ANSWER_S: Final = 2.0
SILENCE_S: Final = 0.25
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20
_STATUS_OF_INDEX: Final = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
_STATUS_NAME_INDICES: Final = range(8, 15)
_FIVE_BIT_DIGITS: Final = 3
"""In HPACK's Huffman code, 0, 1 and 2 have five bits; the other digits have six and begin with 011001."""
_SIX_BIT_BASE: Final = 0b011001 - 3

Header = tuple[str | bytes, str | bytes]


class Kind(enum.IntEnum):
    """The types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    """Returns one frame, right or wrong."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def block(headers: Iterable[Header]) -> bytes:
    """Returns headers as literals without indexing and without Huffman code, so that every byte arrives as it is."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers)


def _text(value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return number(len(content), 7) + content


def number(value: int, prefix_bits: int, flags: int = 0) -> bytes:
    """Returns an integer as HPACK writes it."""
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([flags | value])
    written, value = [flags | most], value - most
    while value >= 128:
        written.append(value % 128 | 128)
        value //= 128
    return bytes([*written, value])


def headers_frame(headers: Iterable[Header], stream: int = 1, *, ends: bool = True) -> bytes:
    """Returns a whole set of headers in one frame."""
    return frame(Kind.HEADERS, block(headers), END_HEADERS | (END_STREAM if ends else 0), stream)


@dataclass
class Outcome:
    """What the server answered on one connection."""

    statuses: list[int] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    goaway: int | None = None
    is_closed: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether the server refused all of it in one of the ways that HTTP/2 has, or redirected to the plain path."""
        refused = [status for status in self.statuses if 400 <= status < 500 or status == REDIRECTED]
        said = bool(refused or self.resets or self.goaway is not None or self.is_closed)
        return said and len(refused) == len(self.statuses)


async def exchange(port: int, *parts: bytes) -> Outcome:
    """Opens a connection with an honest preface, sends the parts, and reads until the connection ends or stays silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    outcome = Outcome()
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(PREFACE + frame(Kind.SETTINGS))
            for part in parts:
                writer.write(part)
                await writer.drain()
        await _read(reader, outcome)
    finally:
        writer.transport.abort()
    return outcome


async def _read(reader: asyncio.StreamReader, outcome: Outcome) -> None:
    while True:
        answered = outcome.statuses or outcome.resets or outcome.goaway is not None
        try:
            async with asyncio.timeout(SILENCE_S if answered else FIRST_ANSWER_S):
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        except TimeoutError:
            return
        except (asyncio.IncompleteReadError, ConnectionError):
            outcome.is_closed = True
            return
        _note(head[3], payload, outcome)


def _note(kind: int, payload: bytes, outcome: Outcome) -> None:
    if kind == Kind.HEADERS and (status := status_in(payload)):
        outcome.statuses.append(status)
    elif kind == Kind.RST_STREAM:
        outcome.resets.append(int.from_bytes(payload, "big"))
    elif kind == Kind.GOAWAY:
        outcome.goaway = int.from_bytes(payload[4:8], "big")


def status_in(payload: bytes) -> int:
    """Returns the status at the start of a header block, or 0 if it begins with something else (trailers)."""
    if payload[0] & 0xE0 == 0x20:  # a new size of the table comes first
        payload = payload[1:]
    if payload[0] & 0x80:
        return _STATUS_OF_INDEX.get(payload[0] & 0x7F, 0)
    index = payload[0] & (0x3F if payload[0] & 0x40 else 0x0F)
    if index not in _STATUS_NAME_INDICES:
        return 0
    length = payload[1] & 0x7F
    text = payload[2 : 2 + length]
    return int(_digits(text) if payload[1] & 0x80 else text.decode())


def _digits(code: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in code)
    found = ""
    while len(found) < 3:
        five = int(bits[:5], 2)
        if five < _FIVE_BIT_DIGITS:
            found, bits = found + str(five), bits[5:]
        else:
            found, bits = found + str(int(bits[:6], 2) - _SIX_BIT_BASE), bits[6:]
    return found
