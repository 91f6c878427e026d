"""Runs what is measured: a whole stack and a bare Envoy on one core, and their provider on another."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import yaml
from megarouter_envoy.binary import command, find_binary

from benchmarks.gateway.machine import GATEWAY_CORE, LOAD_CORE, gateway_cores, pin, starting_on
from benchmarks.tenants import add_member_with_keys, add_strangers
from deploy.local.process.children import ChildCommand, start_child, stop_child, wait_until_ready
from deploy.local.programs import probes
from deploy.local.stack.environment import DATABASE_URL, inherited
from deploy.local.stack.layout import REPOSITORY
from deploy.local.stack.secrets import load_or_make_secrets
from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.supervision.embedded_stack import Stack

MODEL: Final = "bench/model"
SERVICES: Final = ("authz_service", "ratelimit_service", "usage_service", "admin_service")
MEASURED: Final = ("envoy", *SERVICES, "postgres", "redis")
KEYS: Final = 10_000
REFUSED_KEYS: Final = 100
UPSTREAM_PORT: Final = 50
"""Offset from the port base, after the ports of the stack. So are the other ports below."""
PEER_PORT: Final = 53
FLOOR_PORT: Final = 54
"""The first of three."""
_BARE_PORT: Final = 51
_BARE_ADMIN_PORT: Final = 52
_START_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 10.0
_SETTLE_TIMEOUT_S: Final = 60.0
_LOOK_S: Final = 0.02
_CREDIT: Final = 10**15
_CREDENTIAL: Final = "BENCH_UPSTREAM_KEY"
_COUNT: Final = "SELECT count(*) FROM usage_records"
_OPEN: Final = "SELECT count(*) FROM holds WHERE state = 'HELD'"


class BenchError(Exception):
    """The figures would be wrong: a call was refused, the ledger does not match the answers, or something grew."""


class BenchStack:
    """A running stack with keys, and a bare Envoy beside it."""

    def __init__(self, stack: Stack, owner: asyncpg.Connection, keys: list[str], bare_port: int, bare_pid: int) -> None:
        self.stack = stack
        self.keys = keys[: KEYS - REFUSED_KEYS]
        self.refused_keys = keys[KEYS - REFUSED_KEYS :]
        self.bare_port = bare_port
        self.bare_pid = bare_pid
        self.model_port = stack.ports.model
        self._owner = owner

    @property
    def processes(self) -> dict[str, int]:
        """The gateway's process ids by name. Every worker has its own."""
        running = {one.name: one.identity.pid for one in self.stack.state.processes if one.identity}
        return {name: process_id for name, process_id in running.items() if name.partition("-")[0] in MEASURED}

    async def settled(self) -> int:
        """Returns the number of calls in the ledger."""
        return int(await self._owner.fetchval(_COUNT))

    async def until_settled(self, expected: int) -> float:
        """Waits until the ledger has this many calls. Returns the seconds it took.

        Raises:
            BenchError: the ledger has more calls, or still fewer after a minute.
        """
        begun_s = time.perf_counter()
        while (found := await self.settled()) < expected and time.perf_counter() - begun_s < _SETTLE_TIMEOUT_S:  # noqa: ASYNC110 - the ledger has no event
            await asyncio.sleep(_LOOK_S)
        if found != expected:
            raise BenchError(f"{expected} calls were answered, {found} are in the ledger")
        return time.perf_counter() - begun_s

    async def add_strangers(self, keys: int) -> None:
        """Adds this many keys of other organizations."""
        await add_strangers(self._owner, keys)

    async def open_holds(self) -> int:
        """Returns the number of open holds."""
        return int(await self._owner.fetchval(_OPEN))

    def audit(self) -> str:
        """Returns what the audit of the ledger reports; empty if it found nothing."""
        environment = {**os.environ, DATABASE_URL: self.stack.environment[DATABASE_URL]}
        done = subprocess.run(
            [sys.executable, "-m", "usage_service.audit"],
            cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return "" if done.returncode == 0 else done.stdout + done.stderr


@asynccontextmanager
async def running(directory: Path, port_base: int, workers: int = 1) -> AsyncIterator[BenchStack]:
    """Runs the stack with a member who has many keys. Everything is pinned to its core, or to one core for each worker."""
    upstream_port, bare_port = port_base + UPSTREAM_PORT, port_base + _BARE_PORT
    catalog = directory / "catalog.yaml"
    catalog.write_text(yaml.safe_dump(_catalog(upstream_port)), encoding="utf-8")
    with ExitStack() as stopping:
        stopping.enter_context(serving(LOAD_CORE, "benchmarks.gateway.upstream", str(upstream_port)))
        # With a credential, calls go to this provider; without one, they would go to the mock.
        stack = Stack(directory / "home", port_base, catalog=catalog, workers=workers, settings={_CREDENTIAL: "bench"})
        with starting_on(gateway_cores(workers)):
            stopping.enter_context(stack)
        bare = stopping.enter_context(_bare_envoy(directory, bare_port, port_base + _BARE_ADMIN_PORT, upstream_port))
        owner = await asyncpg.connect(stack.environment[DATABASE_URL])
        try:
            keys = await _add_keys(stack, owner)
            built = BenchStack(stack, owner, keys, bare_port, bare.pid)
            pin([one.identity.pid for one in stack.state.processes if one.identity], gateway_cores(workers))
            pin([bare.pid], {GATEWAY_CORE})
            yield built
        finally:
            await owner.close()


async def _add_keys(stack: Stack, owner: asyncpg.Connection) -> list[str]:
    environment = stack.environment
    organization = environment["MEGAROUTER_ORGANIZATION"]
    await asyncio.to_thread(_top_up, environment, organization)
    pepper = bytes.fromhex(load_or_make_secrets(stack.home).key_pepper)
    return await add_member_with_keys(owner, organization.partition("/")[2], pepper, KEYS, refused=REFUSED_KEYS)


def _top_up(environment: dict[str, str], organization: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{environment['MEGAROUTER_ADMIN_URL']}/v1/{organization}/creditBalance:topUp",
        data=json.dumps({"amountNanoCredits": str(_CREDIT), "requestId": str(uuid.uuid4())}).encode(),
        headers={
            "authorization": f"Bearer {environment['MEGAROUTER_ADMIN_TOKEN']}",
            "content-type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        answer.read()


def _catalog(upstream_port: int) -> dict[str, Any]:
    catalog: dict[str, Any] = yaml.safe_load(DEFAULT_CATALOG.read_text(encoding="utf-8"))
    provider = {
        "name": "bench",
        "display_name": "Benchmark",
        "credential_env": _CREDENTIAL,
        "credential_header": "authorization",
        "stream_options": True,
        "dialects": {"openai": f"http://127.0.0.1:{upstream_port}/v1"},
    }
    model = {
        "name": MODEL,
        "provider": "bench",
        "upstream_name": "bench-upstream",
        "endpoints": ["chat_completions"],
        "context_window_tokens": 10_000_000,
        "max_output_tokens": 1_000,
        "default_output_reserve_tokens": 100,
        "prices_nano_credits_per_million_tokens": {"input": 10**6, "output": 10**7},
        "effective_date": "2024-01-01",
    }
    return {**catalog, "providers": [*catalog["providers"], provider], "models": [*catalog["models"], model]}


@contextmanager
def serving(core: int, module: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs a module on a core, and waits until it prints that it is ready."""
    with starting_on({core}):
        process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE)
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{module} did not start")
        yield process
    finally:
        process.terminate()
        process.wait(_STOP_TIMEOUT_S)


@contextmanager
def _bare_envoy(directory: Path, port: int, admin_port: int, upstream_port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs the least that any gateway on Envoy costs: a proxy with one listener and one route."""
    bootstrap = directory / "bare-envoy.json"
    bootstrap.write_text(json.dumps(_bare_bootstrap(port, admin_port, upstream_port)), encoding="utf-8")
    with running_envoy(bootstrap, admin_port) as envoy:
        yield envoy


@contextmanager
def running_envoy(bootstrap: Path, admin_port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs Envoy with one worker. It logs next to its bootstrap file."""
    directory, log_file = bootstrap.parent, bootstrap.with_suffix(".log")
    envoy = start_child(ChildCommand(command(find_binary(), bootstrap, 1), inherited(os.environ), directory, log_file))
    try:
        wait_until_ready(envoy, "Envoy", log_file, lambda _: probes.answers_ok(admin_port, "/ready"), _START_TIMEOUT_S)
        yield envoy
    finally:
        stop_child(envoy, signal.SIGTERM, _STOP_TIMEOUT_S)


def _bare_bootstrap(port: int, admin_port: int, upstream_port: int) -> dict[str, Any]:
    def address(number: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    extensions = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "provider"}}],
                }
            ]
        },
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{extensions}.http.router.v3.Router"}},
        ],
    }
    return {
        "admin": {"address": address(admin_port)},
        "static_resources": {
            "listeners": [
                {
                    "address": address(port),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "provider",
                    "load_assignment": {
                        "cluster_name": "provider",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream_port)}}]}],
                    },
                }
            ],
        },
    }
