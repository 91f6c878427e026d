"""An Envoy of its own without services. It requests no decision."""

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from megarouter_envoy.binary import command, find_binary
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.credentials import write_secret_file
from megarouter_envoy.filters.admin_api import prepare_admin_api
from megarouter_envoy.options import Limits, ProviderTarget

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
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}]
    manager["route_config"] = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}
    return document


@dataclass(frozen=True)
class LoneEnvoy:
    url: str
    process: Process


@asynccontextmanager
async def running_envoy(
    tmp_path: Path, undecided: Collection[str], provider_port: int | None = None, grace_s: int = 30
) -> AsyncIterator[LoneEnvoy]:
    """Runs an Envoy.

    Args:
        tmp_path: an empty folder.
        undecided: filters to leave out.
        provider_port: where its calls go; None for its own metrics listener, which answers every call that passes.
        grace_s: how long calls may go on after SIGTERM.
    """
    (tmp_path / "secrets").mkdir()
    write_secret_file(tmp_path / "secrets" / "edge", "edge")
    port, metrics_port = free_port(), free_port()
    provider = ProviderTarget("mock", "127.0.0.1", provider_port or metrics_port, tls=False)
    bootstrap = replace(
        options(tmp_path),
        model_port=port,
        metrics_port=metrics_port,
        providers=(provider,),
        identity_providers=(),
        otlp_endpoint=None,
        admin_api=prepare_admin_api(tmp_path / "admin_json_types.lua"),
        limits=Limits(drain_grace_s=grace_s),
    )
    path = tmp_path / "bootstrap.json"
    path.write_text(json.dumps(without_decision(build_bootstrap(bootstrap), provider.cluster, undecided)))
    process = await asyncio.create_subprocess_exec(*command(find_binary(), path, workers=1))
    try:
        await until_ready(f"http://127.0.0.1:{metrics_port}/ready")
        yield LoneEnvoy(f"http://127.0.0.1:{port}", process)
    finally:
        if process.returncode is None:
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
