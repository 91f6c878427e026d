"""One kind of attack in a process of its own. It runs until its standard input closes, and then writes its counts as one line of
JSON.

    python -m tests.security.senders half_sent 127.0.0.1:10000 127.0.0.2 150

`half_sent_with_key` sends the key in MEGAROUTER_API_KEY.
"""

import asyncio
import json
import os
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

BODY: Final = b"x" * (31 * 1024 * 1024)
JUNK: Final = b'{"displayName":"' + rb"\u0041" * 690_000 + b'"}'
"""4 MB of JSON, all escapes, which cost a parser most."""
DEEP: Final = b'{"model":"gpt-4o-mini","messages":[' + b"[" * 900 + b"[],[]," * 4_600_000 + b"[]" + b"]" * 900 + b"]}"
"""28 MB of brackets."""
PAUSE_S: Final = 0.1
HALF_SENT_PAUSE_S: Final = 1.0
OPENED_PER_TICK: Final = 50
REPLACED_PER_TICK: Final = 10
TICK_S: Final = 0.05
"""The idle connections are opened at 1,000 a second. Those that are closed are replaced at 200 a second."""

IP_BIND_ADDRESS_NO_PORT: Final = 24
"""From Linux's `in.h`; Python has no name for it yet."""

Address = tuple[str, int]


class Sender:
    """Sends to one address from one address, and counts what happens."""

    def __init__(self, target: Address, source: str) -> None:
        self.target = target
        self.source = source
        self.counts: Counter[str] = Counter()

    async def half_sent(self) -> None:
        """Sends most of a large body without a key, and then nothing. Begins again when it is refused."""
        while True:
            await self._post("/v1/chat/completions", len(BODY) + 1, BODY)
            await asyncio.sleep(HALF_SENT_PAUSE_S)

    async def half_sent_with_key(self) -> None:
        """The same with a key that is known."""
        while True:
            key = f"authorization: Bearer {os.environ['MEGAROUTER_API_KEY']}"
            await self._post("/v1/chat/completions", len(BODY) + 1, BODY, key)
            await asyncio.sleep(HALF_SENT_PAUSE_S)

    async def junk(self) -> None:
        """Sends junk to the admin API, every second time with a token that does not exist."""
        while True:
            token = [f"authorization: Bearer mra_{os.urandom(20).hex()}"] if self.counts["sent"] % 2 else []
            await self._post("/v1/organizations/acme/groups", len(JUNK), JUNK, *token)
            await asyncio.sleep(PAUSE_S)

    async def deep(self) -> None:
        """Sends deep JSON without a key."""
        while True:
            await self._post("/v1/chat/completions", len(DEEP), DEEP)
            await asyncio.sleep(PAUSE_S)

    async def _post(self, path: str, length: int, body: bytes, *headers: str) -> None:
        self.counts["sent"] += 1
        try:
            reader, writer = await asyncio.open_connection(*self.target, local_addr=(self.source, 0))
        except OSError:
            self.counts["not connected"] += 1
            return
        lines = [
            f"POST {path} HTTP/1.1",
            "host: a",
            "content-type: application/json",
            f"content-length: {length}",
            *headers,
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        sending = asyncio.create_task(_write(writer, body))
        try:
            # A refusal comes while most of the body is unsent.
            status = (await reader.readline()).split(b" ")[1:2]
            self.counts[status[0].decode() if status else "closed"] += 1
        except OSError:
            self.counts["closed"] += 1
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.transport.abort()


async def _write(writer: asyncio.StreamWriter, body: bytes) -> None:
    for start in range(0, len(body), 65_536):
        writer.write(body[start : start + 65_536])
        await writer.drain()


class Idlers:
    """Connections that never send anything."""

    def __init__(self, target: Address, source: str, count: int) -> None:
        self._target, self._source, self._count = target, source, count
        self._selector = selectors.EpollSelector()
        self._open: set[socket.socket] = set()
        self.counts: Counter[str] = Counter()

    def run(self, is_over: Callable[[], bool]) -> None:
        """Keeps them open until it is over."""
        while not is_over():
            pace = OPENED_PER_TICK if self.counts["opened"] < self._count else REPLACED_PER_TICK
            for _ in range(min(pace, self._count - len(self._open))):
                self._open_one()
            self._drop_closed(time.monotonic() + TICK_S)
            self.counts["open at most"] = max(self.counts["open at most"], len(self._open))
        self.counts["open at the end"] = len(self._open)

    def _open_one(self) -> None:
        idler = socket.socket()
        # The port is chosen when it connects. Otherwise the search for a free one takes longer with each socket.
        idler.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        idler.bind((self._source, 0))
        idler.settimeout(0)
        idler.connect_ex(self._target)
        self.counts["opened"] += 1
        self._open.add(idler)
        self._selector.register(idler, selectors.EVENT_READ)

    def _drop_closed(self, until_s: float) -> None:
        while (left_s := until_s - time.monotonic()) > 0:
            for key, _ in self._selector.select(left_s):
                idler = key.fileobj
                assert isinstance(idler, socket.socket)
                self._selector.unregister(idler)
                self._open.discard(idler)
                idler.close()
                self.counts["closed by the server"] += 1
            time.sleep(0.005)


async def _send(sender: Sender, attack: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
    senders = [asyncio.create_task(attack()) for _ in range(count)]
    await asyncio.to_thread(sys.stdin.read)
    for one in senders:
        one.cancel()
    await asyncio.gather(*senders, return_exceptions=True)


def _is_input_closed() -> bool:
    try:
        return os.read(sys.stdin.fileno(), 1) == b""
    except BlockingIOError:
        return False


def main(kind: str, target: str, source: str, count: int) -> None:
    """Attacks until standard input closes."""
    host, _, port = target.rpartition(":")
    address = (host, int(port))
    if kind == "idle":
        idlers = Idlers(address, source, count)
        os.set_blocking(sys.stdin.fileno(), False)
        idlers.run(_is_input_closed)
        counts = idlers.counts
    else:
        sender = Sender(address, source)
        asyncio.run(_send(sender, getattr(sender, kind), count))
        counts = sender.counts
    counts["ms of CPU"] = int(time.process_time() * 1_000)
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
