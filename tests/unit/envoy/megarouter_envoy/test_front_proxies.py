"""Which address Envoy takes for the caller's, with and without proxies in front of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from megarouter_envoy.binary import command, find_binary
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.credentials import write_secret_file
from megarouter_envoy.filters.admin_api import prepare_admin_api
from megarouter_envoy.options import FrontProxies, ProviderTarget

from tests.support.envoys.lone_envoy import until_ready
from tests.support.ports import free_port
from tests.unit.envoy.megarouter_envoy.test_bootstrap import options

SEEN = "x-seen-address"
PROXIED = b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 10000\r\n"


async def echo(request: web.Request) -> web.Response:
    return web.Response(text=request.headers[SEEN])


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


def telling_addresses(rendered: str, cluster: str) -> dict[str, Any]:
    """Returns the bootstrap with a model listener that only tells the provider the caller's address."""
    document: dict[str, Any] = json.loads(rendered)
    model, _, metrics = document["static_resources"]["listeners"]
    document["static_resources"]["listeners"] = [model, metrics]
    manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][-1]["typed_config"]
    manager["http_filters"] = manager["http_filters"][-1:]
    header = {"key": SEEN, "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}
    routes = [
        {
            "match": {"prefix": "/"},
            "route": {"cluster": cluster},
            "request_headers_to_add": [{"header": header}],
        }
    ]
    manager["route_config"] = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}
    return document


async def seen_addresses(root: Path, proxies: FrontProxies, requests: Sequence[bytes]) -> list[str]:
    """Returns what Envoy takes for the address of each request, empty for one that it does not answer."""
    (root / "secrets").mkdir()
    write_secret_file(root / "secrets" / "edge", "edge")
    async with echo_server() as provider_port:
        provider = ProviderTarget("mock", "127.0.0.1", provider_port, tls=False)
        bootstrap = replace(
            options(root),
            model_port=free_port(),
            metrics_port=free_port(),
            providers=(provider,),
            identity_providers=(),
            otlp_endpoint=None,
            admin_api=prepare_admin_api(root / "admin_json_types.lua"),
            front_proxies=proxies,
        )
        path = root / "bootstrap.json"
        path.write_text(json.dumps(telling_addresses(build_bootstrap(bootstrap), provider.cluster)))
        process = await asyncio.create_subprocess_exec(*command(find_binary(), path, workers=1))
        try:
            await until_ready(f"http://127.0.0.1:{bootstrap.metrics_port}/ready")
            return [await seen(bootstrap.model_port, request) for request in requests]
        finally:
            process.kill()
            await process.wait()


async def seen(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(30):
            answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    writer.transport.abort()
    return answer.decode().rpartition("\r\n\r\n")[2]


def get(*headers: str) -> bytes:
    return "\r\n".join(["GET / HTTP/1.1", "host: a", "connection: close", *headers, "", ""]).encode()


FORWARDED = "x-forwarded-for: 198.51.100.7, 203.0.113.9"


async def test_without_proxies_no_caller_chooses_their_address(tmp_path: Path) -> None:
    assert await seen_addresses(tmp_path, FrontProxies(), [get(), get(FORWARDED)]) == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize(("hops", "address"), [(1, "203.0.113.9"), (2, "198.51.100.7")])
async def test_the_address_is_what_the_first_trusted_proxy_saw(tmp_path: Path, hops: int, address: str) -> None:
    seen_by_envoy = await seen_addresses(tmp_path, FrontProxies(trusted_hops=hops), [get(FORWARDED), get()])
    assert seen_by_envoy == [address, "127.0.0.1"]


async def test_a_load_balancer_tells_the_address_by_the_proxy_protocol(tmp_path: Path) -> None:
    seen_by_envoy = await seen_addresses(tmp_path, FrontProxies(proxy_protocol=True), [PROXIED + get(FORWARDED), get()])
    assert seen_by_envoy == ["203.0.113.9", ""]
