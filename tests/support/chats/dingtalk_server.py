"""A DingTalk robot as its document describes it: it checks signatures and forms, and is muted after 20 messages in a minute."""

import base64
import hashlib
import hmac
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.chats.schemas import require_accepted

SECRET: Final = "SEC000000000000000000000000000000"
MOST_A_MINUTE: Final = 20
MUTED_S: Final = 600.0
_MINUTE_S: Final = 60.0
_LONGEST_SKEW_S: Final = 3_600


class Robot:
    """What reached the group."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.is_muted = False
        self._times: deque[float] = deque()

    async def send(self, request: web.Request) -> web.Response:
        code, text = self._judge(dict(request.query), await request.read())
        return web.json_response({"errcode": code, "errmsg": text})

    def _judge(self, query: dict[str, str], body: bytes) -> tuple[int, str]:
        now = time.time()
        if query.get("access_token") != "token":
            return 300001, "token is not exist"
        content = f"{query.get('timestamp')}\n{SECRET}".encode()
        sign = base64.b64encode(hmac.digest(SECRET.encode(), content, hashlib.sha256)).decode()
        if query.get("sign") != sign or abs(now - int(query.get("timestamp", "0")) / 1_000) > _LONGEST_SKEW_S:
            return 310000, "sign not match"
        while self._times and now - self._times[0] > _MINUTE_S:
            self._times.popleft()
        if self.is_muted or len(self._times) >= MOST_A_MINUTE:
            self.is_muted = True
            return 130101, "send too fast, exceed 20 times per minute"
        try:
            message = require_accepted("DINGTALK", body)
        except ValueError as error:
            return 40035, str(error)
        self._times.append(now)
        self.texts.append(message.markdown.text)
        return 0, "ok"


@asynccontextmanager
async def running_robot(robot: Robot) -> AsyncIterator[tuple[str, int]]:
    """Runs the robot. Yields its URL and its port."""
    application = web.Application()
    application.router.add_post("/robot/send", robot.send)
    async with TestServer(application) as server:
        yield f"http://127.0.0.1:{server.port}/robot/send?access_token=token", int(server.port or 0)
