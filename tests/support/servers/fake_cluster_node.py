"""A fake node of a Redis Cluster whose answers a test chooses: useless redirects, lost connections, TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import hiredis

SLOTS_END = 16_383


@dataclass
class FakeNode:
    """A node that claims all slots and answers with `answer`."""

    answer: Callable[["FakeNode", list[str]], bytes | None]
    """Returns the reply to a command other than connection and topology commands, or None to close the connection."""
    port: int = 0
    commands: list[list[str]] = field(default_factory=list)
    connections: int = 0

    def named(self, name: str) -> list[list[str]]:
        return [command for command in self.commands if command[0] == name]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        parser = hiredis.Reader(encoding="utf-8")
        while data := await reader.read(65_536):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                answer = self._answer(command)
                if answer is None:
                    writer.close()
                    return
                writer.write(answer)

    def _answer(self, command: Any) -> bytes | None:
        self.commands.append(command)
        if command[0] in {"AUTH", "SELECT", "ASKING"}:
            return b"+OK\r\n"
        if command[:2] == ["CLUSTER", "SLOTS"]:
            # An empty host means the host of the connection.
            return f"*1\r\n*3\r\n:0\r\n:{SLOTS_END}\r\n*3\r\n$0\r\n\r\n:{self.port}\r\n$2\r\nid\r\n".encode()
        return self.answer(self, command)


@asynccontextmanager
async def fake_node(
    answer: Callable[[FakeNode, list[str]], bytes | None], context: ssl.SSLContext | None = None
) -> AsyncIterator[FakeNode]:
    node = FakeNode(answer)
    server = await asyncio.start_server(node.serve, "127.0.0.1", 0, ssl=context)
    node.port = server.sockets[0].getsockname()[1]
    yield node
    server.close()
