"""The module in the real Envoy, without the service that decides."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from megarouter_envoy.binary import command, find_binary
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.credentials import write_secret_file
from megarouter_envoy.filters.admin_api import prepare_admin_api
from megarouter_envoy.options import ProviderTarget

from tests.support.ports import free_port
from tests.unit.envoy.megarouter_envoy.test_bootstrap import options

START_TIMEOUT_S = 30
DECISIONS = "envoy.filters.http.ext_authz", "envoy.filters.http.ratelimit"
UNDECIDED = "megarouter.request_facts", *DECISIONS


def without_decision(rendered: str, cluster: str, undecided: Collection[str]) -> dict[str, Any]:
    """Returns the bootstrap without the filters that request a decision. Every call of the model listener goes to a provider."""
    document: dict[str, Any] = json.loads(rendered)
    model, _, metrics = document["static_resources"]["listeners"]
    document["static_resources"]["listeners"] = [model, metrics]
    manager = document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][-1]["typed_config"]
    manager["http_filters"] = [entry for entry in manager["http_filters"] if entry["name"] not in undecided]
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": cluster}}]
    manager["route_config"] = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}
    return document


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an Envoy without the door and without a decision."""
    async with running_envoy(tmp_path, UNDECIDED) as address:
        yield address


@pytest_asyncio.fixture
async def door_url(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an Envoy with the door, behind which no authz_service answers."""
    async with running_envoy(tmp_path, DECISIONS) as address:
        yield address


@asynccontextmanager
async def running_envoy(tmp_path: Path, undecided: Collection[str]) -> AsyncIterator[str]:
    """Runs an Envoy that is its own provider, so that its metrics listener would answer a call that passes."""
    (tmp_path / "secrets").mkdir()
    write_secret_file(tmp_path / "secrets" / "edge", "edge")
    port, metrics_port = free_port(), free_port()
    provider = ProviderTarget("mock", "127.0.0.1", metrics_port, tls=False)
    bootstrap = replace(
        options(tmp_path),
        model_port=port,
        metrics_port=metrics_port,
        providers=(provider,),
        identity_providers=(),
        otlp_endpoint=None,
        admin_api=prepare_admin_api(tmp_path / "admin_json_types.lua"),
    )
    path = tmp_path / "bootstrap.json"
    path.write_text(json.dumps(without_decision(build_bootstrap(bootstrap), provider.cluster, undecided)))
    process = await asyncio.create_subprocess_exec(*command(find_binary(), path, workers=1))
    try:
        await until_ready(f"http://127.0.0.1:{metrics_port}/ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def until_ready(address: str) -> None:
    async with asyncio.timeout(START_TIMEOUT_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(address) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def error_of(url: str, body: bytes | None, chunked: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body or b""), 10):
            yield (body or b"")[start : start + 10]

    data = pieces() if chunked else body
    headers = {"content-type": "application/json"}
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as response:
        assert response.status == 500
        return dict((await response.json())["error"])


@pytest.mark.parametrize("body", [None, b"", b'{"model":"m"}', b"{", b'{"model":"' + b"x" * 3_000_000 + b'"}'])
async def test_no_call_passes_without_a_decision(url: str, body: bytes | None) -> None:
    error = await error_of(f"{url}/ready", body)
    assert error["code"] == "gateway_error"


async def test_no_chunked_call_passes_without_a_decision(url: str) -> None:
    assert (await error_of(f"{url}/ready", b'{"model":"m"}', chunked=True))["code"] == "gateway_error"
    assert (await error_of(f"{url}/v1/messages", b'{"model":"m"}'))["type"] == "api_error"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_without_an_answer_about_its_key_no_body_is_kept(door_url: str, path: str) -> None:
    headers = {"content-type": "application/json", "x-api-key": "any"}
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(door_url + path, data=b"{}", headers=headers) as response:
                error = (await response.json())["error"]
                assert (response.status, error["code"]) == (503, "dependency_unavailable")
                assert response.headers["retry-after"] == "1"
        async with session.post(door_url + path, data=b"{}") as response:
            assert (response.status, (await response.json())["error"]["code"]) == (401, "missing_api_key")
