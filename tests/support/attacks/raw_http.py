"""Sends bytes as they are over one connection, and reads every answer that comes back."""

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

FIRST_ANSWER_S: Final = 0.8
"""How long the first answer may take. A request that never ends gets none."""
SILENCE_S: Final = 0.25
"""After this time without a byte, no other answer comes. An honest second answer takes a few milliseconds."""
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3}) ?[^\r\n]*\r\n")
_INFORMATIONAL: Final = range(100, 200)
_SWITCHED: Final = 101


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def exchange(port: int, *parts: bytes, first_s: float = FIRST_ANSWER_S) -> list[Answer]:
    """Sends the parts, and returns all final answers until the connection ends or stays silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for part in parts:
            writer.write(part)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        received = await _read_until_silence(reader, first_s)
    finally:
        writer.transport.abort()
    return answers_in(received)


async def _read_until_silence(reader: asyncio.StreamReader, first_s: float) -> bytes:
    received = b""
    while len(received) < MAX_ANSWER_BYTES:
        try:
            async with asyncio.timeout(SILENCE_S if received else first_s):
                content = await reader.read(65_536)
        except (TimeoutError, ConnectionError):
            break
        if not content:
            break
        received += content
    return received


def answers_in(received: bytes) -> list[Answer]:
    """Splits what came back into responses. Raises ValueError if it is not HTTP/1.1."""
    answers: list[Answer] = []
    while received:
        match = _STATUS.match(received)
        head, ends, rest = received.partition(b"\r\n\r\n")
        if match is None or not ends:
            raise ValueError(f"not HTTP: {received[:200]!r}")
        status = int(match[1])
        lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
        headers = {name.decode("latin-1").lower(): value.strip().decode("latin-1") for name, _, value in lines}
        if status in _INFORMATIONAL and status != _SWITCHED:
            received = rest
            continue
        body, received = _body(headers, rest)
        answers.append(Answer(status, headers, body))
    return answers


def _body(headers: dict[str, str], rest: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", "0"))
        return rest[:length], rest[length:]
    body = b""
    while True:
        size_text, _, rest = rest.partition(b"\r\n")
        size = int(size_text or b"0", 16)
        body, rest = body + rest[:size], rest[size + 2 :]
        if size == 0:
            return body, rest
