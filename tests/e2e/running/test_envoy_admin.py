"""Envoy's admin page, which can stop the gateway, is out of reach of other users and of web pages. Its metrics are not."""

import asyncio
import json
import re
import stat

import aiohttp
import pytest

from deploy.local.stack.layout import REPOSITORY
from deploy.local.supervision.embedded_stack import Stack

READABLE = {"/ready": "LIVE", "/stats/prometheus": "envoy_filesystem_write_failed"}


@pytest.mark.parametrize("path", READABLE)
async def test_metrics_and_readiness_can_be_read(stack: Stack, session: aiohttp.ClientSession, path: str) -> None:
    async with session.get(f"http://127.0.0.1:{stack.ports.envoy_metrics}{path}") as response:
        assert response.status == 200
        assert READABLE[path] in await response.text()


async def test_the_health_check_of_the_image_finds_a_running_envoy_healthy(stack: Stack, unused_tcp_port: int) -> None:
    """Seen to fail with a request of HTTP/1.0, which Envoy refuses."""
    text = (REPOSITORY / "deploy" / "images" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    of_envoy = text.partition("AS envoy\n")[2]
    check = re.search(r"^HEALTHCHECK .*? CMD (\[.*\])$", of_envoy, re.MULTILINE)
    assert check is not None
    for port, status in ((stack.ports.envoy_metrics, 0), (unused_tcp_port, 1)):
        command = [word.replace("/9902", f"/{port}") for word in json.loads(check[1])]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        assert await asyncio.wait_for(process.wait(), 30) == status


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/drain_listeners", {}, 404),
        ("GET", "/drain_listeners", {}, 404),
        ("POST", "/reopen_logs", {}, 404),
        ("POST", "/quitquitquit", {}, 404),
        ("POST", "/ready", {}, 404),
        ("GET", "/stats", {}, 404),
        ("GET", "/config_dump", {}, 404),
        ("GET", "/ready/../config_dump", {}, 404),
        ("GET", "/ready%2F..%2Fdrain_listeners", {}, 404),
        ("GET", "/ready", {"origin": "https://evil.example"}, 403),
        ("GET", "/ready", {"host": "evil.example"}, 404),
        ("GET", "/ready", {"host": "evil.example:10002"}, 404),
    ],
)
async def test_nothing_else_can_be_done(
    stack: Stack, session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """On the admin page itself, the first of these requests stops the gateway."""
    url = f"http://127.0.0.1:{stack.ports.envoy_metrics}{path}"
    async with session.request(method, url, headers=headers) as response:
        assert response.status == status
    _, writer = await asyncio.open_connection("127.0.0.1", stack.ports.model)
    writer.close()


async def test_only_the_owner_of_the_gateway_can_connect_to_the_admin_page(stack: Stack) -> None:
    socket = stack.home.envoy_admin_socket
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) & 0o007 == 0  # a stack of root shares it with its own programs
