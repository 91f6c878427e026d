"""The HTTP server: provider paths, the tally, and an orderly shutdown."""

import asyncio
import json
import signal
from collections.abc import Callable, Mapping

from aiohttp import web

from mock_provider.arriving.access_tokens import Accounts
from mock_provider.arriving.aws_signatures import AccessKey
from mock_provider.page import render_page
from mock_provider.service import REQUEST_BYTES_MAX, ProviderService
from mock_provider.tally import Tally

_CALLS_PER_PAGE_DEFAULT = 1000
_CALLS_PER_PAGE_MAX = 10_000
_DRAIN_S = 2.0
_BACKLOG = 1024


class TallyService:
    """Serves `/`, `/healthz` and the paths under `/tally`."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    async def totals(self, _request: web.Request) -> web.Response:
        """GET /tally returns the totals."""
        return _json(self._tally.as_json())

    async def calls(self, request: web.Request) -> web.Response:
        """GET /tally/calls returns one page of calls, oldest first."""
        after = _whole_number(request, "after", 0)
        limit = min(_whole_number(request, "limit", _CALLS_PER_PAGE_DEFAULT), _CALLS_PER_PAGE_MAX)
        records = self._tally.calls_after(after, limit)
        return _json({"calls": [record.as_json() for record in records], "last_sequence": self._tally.sequence})

    async def body(self, request: web.Request) -> web.Response:
        """GET /tally/calls/N/body returns one of the last bodies as received."""
        body = self._tally.body_of(int(request.match_info["sequence"]))
        if body is None:
            raise web.HTTPNotFound(text="There is no body for this call: only the last bodies are kept.\n")
        return web.Response(body=body, content_type="application/octet-stream")

    async def reset(self, _request: web.Request) -> web.Response:
        """DELETE /tally resets the tally."""
        self._tally.reset()
        return web.Response(status=204)

    async def page(self, _request: web.Request) -> web.Response:
        """GET / returns the tally as an HTML page."""
        return web.Response(text=render_page(self._tally), content_type="text/html")

    async def health(self, _request: web.Request) -> web.Response:
        """GET /healthz returns `ok`."""
        return web.Response(text="ok\n")


def build_application(
    tally: Tally, aws_keys: Mapping[str, AccessKey] | None = None, accounts: Accounts | None = None
) -> web.Application:
    """Builds the routes: the tally, stored responses and files, and every other POST as a provider call."""
    application = web.Application(client_max_size=REQUEST_BYTES_MAX)
    service, tally_service = ProviderService(tally, aws_keys=aws_keys, accounts=accounts), TallyService(tally)
    application.router.add_get("/", tally_service.page)
    application.router.add_get("/healthz", tally_service.health)
    application.router.add_get("/tally", tally_service.totals)
    application.router.add_delete("/tally", tally_service.reset)
    application.router.add_get("/tally/calls", tally_service.calls)
    application.router.add_get(r"/tally/calls/{sequence:\d{1,15}}/body", tally_service.body)
    application.router.add_post(r"/{path:.*/files}", service.files.upload)
    application.router.add_get(r"/{path:.*/files/.+}", service.files.serve)
    application.router.add_delete(r"/{path:.*/files/.+}", service.files.serve)
    application.router.add_get(r"/{path:.*/responses/.+}", service.stored.serve)
    application.router.add_delete(r"/{path:.*/responses/.+}", service.stored.serve)
    application.router.add_post(r"/{path:.*/responses/[^/]+/cancel}", service.stored.serve)
    application.router.add_post(r"/{path:(.*/)?token}", service.token)
    application.router.add_post("/{path:.*}", service.serve)
    return application


async def run_server(
    host: str,
    port: int,
    calls_kept: int,
    ready: Callable[[str], None],
    aws_keys: Mapping[str, AccessKey] | None = None,
    accounts: Accounts | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then gives open calls at most two seconds to end.

    `ready` is called with the base URL once the server accepts connections. Port 0 chooses a free one.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Canceling the handler detects that a caller disconnected while an answer stalls or waits for its next event.
    runner = web.AppRunner(
        build_application(Tally(calls_kept), aws_keys, accounts),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_DRAIN_S,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        bound_port = runner.addresses[0][1]
        ready(f"http://{host}:{bound_port}")
        await stop.wait()
    finally:
        await runner.cleanup()


def _whole_number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise web.HTTPBadRequest(text=f"{name} must be a whole number.\n")
    return int(text)


def _json(value: dict[str, object]) -> web.Response:
    return web.Response(text=json.dumps(value, separators=(",", ":")), content_type="application/json")
