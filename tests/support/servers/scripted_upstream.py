"""A provider that a test scripts byte by byte.

It speaks HTTP/1.1 over plain sockets, so a test controls the status line, the headers, where a chunk ends, how long the
next one takes, and whether the connection breaks. It keeps every request, and whether the caller left early.

    with running_upstream() as upstream:
        upstream.answer(json_answer({"usage": {"prompt_tokens": 1}}))
        upstream.answer([Send(stream_head()), *event_chunks('{"a":1}'), Pause(0.1), Abort()])
        ...  # make two calls
        first, second = upstream.requests
"""

import json
import select
import socket
import socketserver
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.servers.http_requests import read_request

_IDLE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Send:
    """Sends raw bytes as they are."""

    content: bytes


@dataclass(frozen=True)
class Pause:
    """Waits. Ends the script if the caller leaves meanwhile."""

    seconds: float


@dataclass(frozen=True)
class UntilClientLeaves:
    """Waits for the caller to close the connection, at most `timeout_s` seconds, and ends the script."""

    timeout_s: float = 10.0


@dataclass(frozen=True)
class Close:
    """Closes the connection in an orderly way."""


@dataclass(frozen=True)
class Abort:
    """Resets the connection (RST)."""


Step = Send | Pause | UntilClientLeaves | Close | Abort
Script = Sequence[Step]


@dataclass
class Request:
    """One request that the upstream received, and what became of its answer."""

    method: str
    path: str
    """With its query."""
    headers: list[tuple[str, str]]
    """Lowercase names, in the order of arrival."""
    body: bytes
    cut_off: bool = False
    """Whether the caller left before the script ended."""
    bytes_sent: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Returns the first value of a header."""
        return next((value for known, value in self.headers if known == name), None)


def head(status: int = 200, headers: Mapping[str, str] | None = None, reason: str = "OK") -> bytes:
    """Returns a status line, headers and the empty line after them."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    """Returns a whole answer with its content length."""
    return [Send(head(status, {**(headers or {}), "content-length": str(len(body))}) + body)]


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    """Returns a JSON answer. `headers` replace the content type where they name one."""
    return answer(json.dumps(value).encode(), status, {"content-type": "application/json", **(headers or {})})


def stream_head(headers: Mapping[str, str] | None = None) -> bytes:
    """Returns the head of a stream of server-sent events in chunks."""
    return head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **(headers or {})})


def chunk(content: bytes) -> Send:
    """Returns a step that sends one HTTP chunk. Empty content ends the body."""
    return Send(f"{len(content):x}\r\n".encode() + content + b"\r\n")


def event(value: object) -> bytes:
    """Returns one server-sent event; a text stays as it is. A `type` becomes the name of the event, as providers send it."""
    text = value if isinstance(value, str) else json.dumps(value)
    kind = value.get("type") if isinstance(value, dict) else None
    return (f"event: {kind}\n" if kind else "").encode() + f"data: {text}\n\n".encode()


def events(*values: object, done: bool = False, pause_s: float = 0.0) -> list[Step]:
    """Returns chunks with one event each, with a pause after each. `done` adds the event `[DONE]`."""
    steps: list[Step] = []
    for value in (*values, *(["[DONE]"] if done else [])):
        steps += [chunk(event(value)), *([Pause(pause_s)] if pause_s else [])]
    return steps


def stream(*values: object, done: bool = False, headers: Mapping[str, str] | None = None) -> Script:
    """Returns a whole stream of events."""
    return [Send(stream_head(headers)), *events(*values, done=done), chunk(b"")]


class ScriptedUpstream:
    """The running upstream. It answers with the scripts of the queue, in order, then with what `choose` returns."""

    def __init__(self) -> None:
        self.url = ""
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._scripts: deque[Script] = deque()
        self._choose: Callable[[Request], Script] | None = None

    @property
    def requests(self) -> list[Request]:
        """Every request since the last reset, oldest first."""
        with self._lock:
            return list(self._requests)

    def answer(self, *scripts: Script) -> None:
        """Queues one script for each of the next requests."""
        with self._lock:
            self._scripts.extend(scripts)

    def choose(self, script_of: Callable[[Request], Script] | None) -> None:
        """Answers requests for which the queue has no script with the script that the function returns."""
        with self._lock:
            self._choose = script_of

    def reset(self) -> None:
        """Forgets requests, scripts and the function."""
        with self._lock:
            self._requests.clear()
            self._scripts.clear()
            self._choose = None

    def script_for(self, request: Request) -> Script:
        """Records a request and returns its script."""
        with self._lock:
            self._requests.append(request)
            if self._scripts:
                return self._scripts.popleft()
            choose = self._choose
        return choose(request) if choose else answer(b"the test has no script for this request", 501)


class _Connection(socketserver.BaseRequestHandler):
    """Serves the requests of one connection, one after the other."""

    request: socket.socket
    upstream: ScriptedUpstream

    def handle(self) -> None:
        self.request.settimeout(_IDLE_TIMEOUT_S)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.request.makefile("rb") as reader:
            while (received := read_request(reader)) is not None:
                request = Request(*received)
                try:
                    script = self.upstream.script_for(request)
                    if not all(self._do(step, request) for step in script):
                        return
                except (ConnectionError, TimeoutError):
                    request.cut_off = True
                    return
                finally:
                    request.ended.set()

    def _do(self, step: Step, request: Request) -> bool:
        """Does one step. Returns whether the connection goes on."""
        match step:
            case Send(content):
                if self._has_left(0):
                    request.cut_off = True
                    return False
                self.request.sendall(content)
                request.bytes_sent += len(content)
                return True
            case Pause(seconds):
                request.cut_off = self._has_left(seconds)
                return not request.cut_off
            case UntilClientLeaves(timeout_s):
                request.cut_off = self._has_left(timeout_s)
                return False
            case Abort():
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.request.close()
                return False
            case Close():
                return False

    def _has_left(self, within_s: float) -> bool:
        """Returns whether the caller closes the connection within a time."""
        end_s = time.monotonic() + within_s
        readable = select.poll()
        readable.register(self.request, select.POLLIN)
        while True:
            left_s = max(end_s - time.monotonic(), 0)
            if not readable.poll(left_s * 1_000):
                return False
            try:
                if not self.request.recv(1, socket.MSG_PEEK):
                    return True
            except ConnectionError:
                return True
            if not left_s:
                return False
            time.sleep(min(left_s, 0.01))  # the next request already waits


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1_024


@contextmanager
def running_upstream() -> Iterator[ScriptedUpstream]:
    """Runs a scripted upstream on a free port of the loopback interface, and stops it at the end."""
    upstream = ScriptedUpstream()
    handler = type("Connection", (_Connection,), {"upstream": upstream})
    with _Server(("127.0.0.1", 0), handler) as server:
        upstream.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()
