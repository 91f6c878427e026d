"""The HTTP server of the inbox."""

import asyncio
import json
import signal
from collections.abc import Callable

from aiohttp import web

from mock_provider.inbox.messages import Inbox, InvalidMessageError
from mock_provider.inbox.page import render_page

_MAX_BODY_BYTES = 64 * 1024


class InboxService:
    """Serves `/`, `/messages` and `/healthz`, and takes webhooks at any path."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def page(self, _request: web.Request) -> web.Response:
        """GET / returns the messages as an HTML page."""
        return web.Response(text=render_page(self._inbox.messages), content_type="text/html")

    async def messages(self, _request: web.Request) -> web.Response:
        """GET /messages returns the messages, oldest first."""
        content = [message.as_json() for message in self._inbox.messages]
        return web.Response(text=json.dumps(content, ensure_ascii=False), content_type="application/json")

    async def clear(self, _request: web.Request) -> web.Response:
        """DELETE /messages forgets them."""
        self._inbox.clear()
        return web.Response(status=204)

    async def receive(self, request: web.Request) -> web.Response:
        """POST takes a message."""
        try:
            self._inbox.receive(request.headers, await request.read())
        except InvalidMessageError as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=204)

    async def health(self, _request: web.Request) -> web.Response:
        """GET /healthz returns `ok`."""
        return web.Response(text="ok\n")


def build_application(inbox: Inbox) -> web.Application:
    """Builds the routes."""
    application = web.Application(client_max_size=_MAX_BODY_BYTES)
    service = InboxService(inbox)
    application.router.add_get("/", service.page)
    application.router.add_get("/healthz", service.health)
    application.router.add_get("/messages", service.messages)
    application.router.add_delete("/messages", service.clear)
    application.router.add_post("/{path:.*}", service.receive)
    return application


async def run_server(host: str, port: int, inbox: Inbox, ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    runner = web.AppRunner(build_application(inbox), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        ready(f"http://{host}:{port}")
        await stop.wait()
    finally:
        await runner.cleanup()
