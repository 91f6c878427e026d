"""The benchmark's provider: `python -m benchmarks.gateway.upstream PORT`. It gives a fixed answer immediately, at little cost."""

import asyncio
import json
import sys
from typing import Final, cast

import uvloop
from typing_extensions import override

USAGE: Final = {"prompt_tokens": 250, "completion_tokens": 16, "total_tokens": 266}
EVENTS: Final = 16
_EVENTS_PER_WRITE: Final = 4
_BEGINNING_BYTES: Final = 4_000
"""The first bytes of a request, which show whether it asks for a stream."""
_STREAMS: Final = (b'"stream": true', b'"stream":true')


def _json() -> bytes:
    message = {"role": "assistant", "content": "Lorem ipsum dolor sit amet. " * 4}
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "bench-upstream",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE,
        }
    ).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _sse() -> list[bytes]:
    """Returns the stream in several writes, as tokens arrive."""
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "bench-upstream"}
    events = [{**chunk, "choices": [{"index": 0, "delta": {"content": " lorem"}}]} for _ in range(EVENTS)]
    lines = [f"data: {json.dumps(event)}\n\n" for event in [*events, {**chunk, "choices": [], "usage": USAGE}]]
    lines.append("data: [DONE]\n\n")
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    writes = []
    for begin in range(0, len(lines), _EVENTS_PER_WRITE):
        content = "".join(lines[begin : begin + _EVENTS_PER_WRITE]).encode()
        writes.append(b"%x\r\n%b\r\n" % (len(content), content))
    return [head + writes[0], *writes[1:], b"0\r\n\r\n"]


class _Provider(asyncio.Protocol):
    """One connection. Requests arrive one after the other."""

    JSON: Final = _json()
    SSE: Final = _sse()

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._beginning = b""
        self._left_bytes = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        if self._left_bytes:
            if len(self._beginning) < _BEGINNING_BYTES:  # head and body may arrive separately
                self._beginning += data
            self._left_bytes -= len(data)
            if self._left_bytes <= 0:
                self._answer()
            return
        self._beginning += data
        end = self._beginning.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._beginning[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        self._left_bytes = length - (len(self._beginning) - end - 4)
        if self._left_bytes <= 0:
            self._answer()

    def _answer(self) -> None:
        beginning = self._beginning[:_BEGINNING_BYTES]
        writes = self.SSE if any(spelling in beginning for spelling in _STREAMS) else [self.JSON]
        self._beginning, self._left_bytes = b"", 0
        if self._transport is not None:
            for write in writes:
                self._transport.write(write)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Provider, "127.0.0.1", port)
    print("ready", flush=True)  # noqa: T201 - the parent process waits for this line
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
