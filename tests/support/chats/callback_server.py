"""A callback that keeps every message posted to it, also repeated ones, and takes its time to answer."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook, WebhookVerificationError

ANSWERS_AFTER_S = 0.15


@dataclass(frozen=True)
class Post:
    """One message as it arrived."""

    channel: str
    event_id: str
    body: bytes
    is_verified: bool

    @property
    def event(self) -> Any:
        return json.loads(self.body)


class CallbackServer:
    """Receives the messages of many channels, each at a path of its own."""

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret)
        self._open: Counter[str] = Counter()
        self._may_answer = asyncio.Event()
        self._may_answer.set()
        self.posts: list[Post] = []

    def of(self, channel: str) -> Sequence[Post]:
        return [post for post in self.posts if post.channel == channel]

    async def until_answering(self) -> None:
        """Waits until a message has arrived that is not answered yet."""
        while not self._open.total():
            await asyncio.sleep(0.005)

    @contextmanager
    def no_answers(self) -> Iterator[None]:
        """Answers nothing meanwhile, also what has arrived before."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    async def receive(self, request: web.Request) -> web.Response:
        channel, body = request.match_info["channel"], await request.read()
        self.posts.append(Post(channel, request.headers["webhook-id"], body, self._verifies(request, body)))
        self._open[channel] += 1
        try:
            await asyncio.sleep(ANSWERS_AFTER_S)
            await self._may_answer.wait()
        finally:
            self._open[channel] -= 1
        return web.Response(status=204)

    def _verifies(self, request: web.Request, body: bytes) -> bool:
        try:
            self._webhook.verify(body, dict(request.headers))
        except WebhookVerificationError:
            return False
        return True


@asynccontextmanager
async def running_callback(server: CallbackServer, port: int) -> AsyncIterator[str]:
    """Runs the server on a port of the loopback interface. Yields its URL, below which every path is a channel."""
    application = web.Application()
    application.router.add_post("/{channel}", server.receive)
    async with TestServer(application, host="127.0.0.1", port=port):
        yield f"http://127.0.0.1:{port}"
