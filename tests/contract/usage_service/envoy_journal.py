"""A real Envoy whose journal contains the reports that a test sends. Its only upstream is itself."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from megarouter_envoy.binary import command, find_binary

from deploy.local.programs.probes import admin_request
from tests.support.ports import free_port
from usage_service.settlement.charge_decision import CallReport

_LINE = "\t".join(("%REQ(x-hold)%", "%REQ(x-usage)%", "%RESPONSE_CODE%", *"-" * 13)) + "\n"


class EnvoyProcess:
    """An Envoy with one journal. A test may kill it and start it again."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.port, self.admin_socket = free_port(), journal.with_name("envoy-admin.sock")
        self._bootstrap = journal.with_name("bootstrap.json")
        self._bootstrap.write_text(json.dumps(self._document()))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = command(find_binary(), self._bootstrap, workers=1)
        self._process = await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(30):
            while await self.admin("GET", "/ready") != 200:
                await asyncio.sleep(0.05)

    async def end(self, signal_number: int = signal.SIGTERM) -> None:
        assert self._process
        os.kill(self._process.pid, signal_number)
        await self._process.wait()

    @property
    def admin_url(self) -> str:
        return f"unix:{self.admin_socket}"

    async def admin(self, method: str, path: str) -> int:
        status, _ = await asyncio.to_thread(admin_request, self.admin_socket, path, method)
        return status

    async def report(self, reports: Sequence[CallReport]) -> int:
        """Makes Envoy write a line for each report. Returns the number of answered calls."""
        gate = asyncio.Semaphore(16)

        async def call(session: aiohttp.ClientSession, report: CallReport) -> bool:
            headers = {"x-hold": report.token, "x-usage": json.dumps({"usage": report.facts["usage"]})}
            try:
                async with gate, session.get(f"http://127.0.0.1:{self.port}/", headers=headers) as response:
                    return response.status == 200
            except (aiohttp.ClientError, OSError):
                return False

        async with aiohttp.ClientSession() as session:
            return sum(await asyncio.gather(*(call(session, report) for report in reports)))

    def _document(self) -> dict[str, Any]:
        types = "type.googleapis.com/envoy.extensions"
        log = {
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": f"{types}.access_loggers.file.v3.FileAccessLog",
                "path": str(self.journal),
                "log_format": {"text_format_source": {"inline_string": _LINE}},
            },
        }
        router = {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{types}.filters.http.router.v3.Router"},
        }
        routes = [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]
        manager = {
            "@type": f"{types}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "calls",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [router],
            "access_log": [log],
        }
        network_filter = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        listener = {
            "name": "calls",
            "address": _address(self.port),
            "filter_chains": [{"filters": [network_filter]}],
        }
        return {
            "admin": {"address": {"pipe": {"path": str(self.admin_socket)}}},
            "static_resources": {"listeners": [listener]},
        }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


@asynccontextmanager
async def envoy_over(journal: Path) -> AsyncIterator[EnvoyProcess]:
    envoy = EnvoyProcess(journal)
    await envoy.start()
    try:
        yield envoy
    finally:
        await envoy.end(signal.SIGKILL)
