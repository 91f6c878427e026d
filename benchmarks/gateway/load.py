"""A load generator for HTTP/1.1: as many calls as possible, or a fixed number each second.

At a fixed rate, latency counts from the time a call was due, so a slow answer does not hide the latency of later calls (no
coordinated omission).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from typing_extensions import override

CALL_TIMEOUT_S: Final = 30.0
_SLOWEST_PER_S: Final = 20.0
"""Fewer calls per second count as a standstill."""


class LoadError(Exception):
    """A connection was closed before its call was answered."""


@dataclass
class Outcome:
    """The outcome of the calls."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    begun_s: float = 0.0
    ended_s: float = 0.0

    @property
    def calls(self) -> int:
        """The number of answered calls, with any status."""
        return sum(self.statuses.values())

    @property
    def calls_per_s(self) -> float:
        """Calls per second over the whole load, including its end."""
        return self.calls / (self.ended_s - self.begun_s)

    def latency_ms(self, percentile: float) -> float:
        """Returns the latency in milliseconds that this percentage of the calls did not exceed."""
        ordered = sorted(self.latencies_s)
        return ordered[min(int(len(ordered) * percentile / 100), len(ordered) - 1)] * 1_000


class _Connection(asyncio.Protocol):
    """Sends one request after the other, each when the previous one is answered."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._received = b""
        self._expected_bytes = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes) -> asyncio.Future[int]:
        """Sends a request. The future gets the status once the answer is complete.

        Raises:
            LoadError: the connection is closed.
        """
        if self._transport is None:
            raise LoadError("the connection was closed")
        self._received, self._expected_bytes = b"", 0
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        received = self._received
        if not self._expected_bytes:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = received[: end + 2].lower()
            begin = head.find(b"content-length: ")
            if begin >= 0:
                self._expected_bytes = end + 4 + int(head[begin + 16 : head.find(b"\r\n", begin)])
            elif not received.endswith(b"\r\n0\r\n\r\n"):
                return
        if len(received) >= self._expected_bytes and self._answer is not None and not self._answer.done():
            self._answer.set_result(int(received[9:12]))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LoadError("the connection was closed before the answer"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _connections(port: int, count: int) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(_Connection, "127.0.0.1", port))[1] for _ in range(count)]


async def saturate(port: int, requests: Iterator[bytes], *, connections: int, duration_s: float) -> Outcome:
    """Makes as many calls as possible for `duration_s` seconds, and waits for the open ones at the end.

    Raises:
        LoadError: a call was not answered.
    """
    end_s = time.perf_counter() + duration_s
    return await _as_answered(
        port, requests, connections, lambda: time.perf_counter() < end_s, duration_s + CALL_TIMEOUT_S
    )


async def exactly(port: int, requests: Iterator[bytes], *, connections: int, calls: int) -> Outcome:
    """Makes this many calls as fast as possible.

    Raises:
        LoadError: a call was not answered.
    """
    left = iter(range(calls))
    return await _as_answered(
        port, requests, connections, lambda: next(left, None) is not None, calls / _SLOWEST_PER_S + CALL_TIMEOUT_S
    )


async def _as_answered(
    port: int, requests: Iterator[bytes], connections: int, has_next: Callable[[], bool], timeout_s: float
) -> Outcome:
    """Makes one call after the other on each connection, as long as `has_next` returns true."""
    outcome = Outcome()

    async def go_on(connection: _Connection) -> None:
        while has_next():
            begun_s = time.perf_counter()
            outcome.statuses[await connection.send(next(requests))] += 1
            outcome.latencies_s.append(time.perf_counter() - begun_s)

    opened = await _connections(port, connections)
    outcome.begun_s = time.perf_counter()
    async with asyncio.timeout(timeout_s):
        await asyncio.gather(*map(go_on, opened))
    outcome.ended_s = time.perf_counter()
    for connection in opened:
        connection.close()
    return outcome


async def pace(port: int, requests: Iterator[bytes], *, connections: int, calls: int, per_second: float) -> Outcome:
    """Makes a call at every tick, on any free connection.

    Raises:
        LoadError: a call was not answered.
        TimeoutError: all connections were busy for too long.
    """
    outcome = Outcome()
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    opened = await _connections(port, connections)
    for connection in opened:
        free.put_nowait(connection)

    async def one(due_s: float) -> None:
        connection = await free.get()
        status = await connection.send(next(requests))
        outcome.latencies_s.append(time.perf_counter() - due_s)
        outcome.statuses[status] += 1
        free.put_nowait(connection)

    outcome.begun_s = time.perf_counter()
    async with asyncio.timeout(calls / per_second + CALL_TIMEOUT_S), asyncio.TaskGroup() as group:
        for number in range(calls):
            due_s = outcome.begun_s + number / per_second
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            group.create_task(one(due_s))
    outcome.ended_s = time.perf_counter()
    for connection in opened:
        connection.close()
    return outcome
