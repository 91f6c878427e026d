"""The methods that the transports serve in their tests."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc

from gateway_core.runtime.unary import Metadata, StatusError, UnaryMethod, say_that_an_answer_comes

Handler = Callable[[bytes, Metadata], Awaitable[bytes]]


class Answers:
    """Methods with every kind of outcome, and a record of their calls."""

    def __init__(self) -> None:
        self.canceled = 0
        self.under_way = 0
        self.most_under_way = 0
        self.release = asyncio.Event()

    async def echo(self, request: bytes, _metadata: Metadata) -> bytes:
        return request

    async def header(self, request: bytes, metadata: Metadata) -> bytes:
        return metadata.get(request.decode(), "").encode()

    async def long(self, request: bytes, _metadata: Metadata) -> bytes:
        return b"x" * int(request)

    async def refuse(self, request: bytes, _metadata: Metadata) -> bytes:
        raise StatusError(grpc.StatusCode.PERMISSION_DENIED, request.decode())

    async def break_down(self, _request: bytes, _metadata: Metadata) -> bytes:
        raise RuntimeError("an internal secret")

    async def wait(self, request: bytes, _metadata: Metadata) -> bytes:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        finally:
            self.under_way -= 1
        return request

    async def announce(self, request: bytes, metadata: Metadata) -> bytes:
        say_that_an_answer_comes()
        say_that_an_answer_comes()
        return await self.wait(request, metadata)

    @property
    def methods(self) -> tuple[UnaryMethod, ...]:
        handlers: dict[str, Handler] = {
            "Echo": self.echo,
            "Header": self.header,
            "Long": self.long,
            "Refuse": self.refuse,
            "BreakDown": self.break_down,
            "Wait": self.wait,
            "Announce": self.announce,
        }
        return tuple(UnaryMethod(f"/test.Test/{name}", handler) for name, handler in handlers.items())
