"""Measures the proxy floor: the gateway's Envoy with stub services that always allow. They decide, count and write nothing.

`python -m benchmarks.gateway.floor DIRECTORY AUTHZ RATELIMIT` runs stubs of authz_service, ratelimit_service and usage_service on
sockets in the directory. They pass the first call on to the real services, through their sockets AUTHZ and RATELIMIT. Every later
call gets the same answers again. Access logs are read and dropped.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import uvloop
from rich.table import Table

from benchmarks.gateway.bench_stack import FLOOR_PORT, BenchStack, running_envoy, serving
from benchmarks.gateway.load import exactly, pace, saturate
from benchmarks.gateway.machine import GATEWAY_CORE, starting_on
from benchmarks.gateway.scenarios import PACED_CALLS_PER_S, Scenario, check, requests
from benchmarks.process_times import cpu_s
from deploy.local.process.private_files import write_private
from deploy.local.stack.layout import Home, Ports
from gateway_core.runtime.health import health_method
from gateway_core.runtime.lean_grpc.server import LeanServer
from gateway_core.runtime.unary import Metadata, UnaryMethod

_CHECK: Final = "/envoy.service.auth.v3.Authorization/Check"
_HEALTH: Final = health_method(lambda: True)
_SHOULD_RATE_LIMIT: Final = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
_ACCESS_LOG_SERVICE: Final = "envoy.service.accesslog.v3.AccessLogService"
_STREAM_ACCESS_LOGS: Final = "StreamAccessLogs"
_AUTHZ, _RATELIMIT, _USAGE = "authz.sock", "ratelimit.sock", "usage.sock"
_GRACE_MS: Final = 100
_WARM_UP_S: Final = 1.0


@dataclass(frozen=True)
class Floor:
    """The proxy floor of one load."""

    calls_per_s: float
    envoy_cpu_us: float
    """CPU time for each call, as in the next field."""
    services_cpu_us: float
    p50_ms: float
    """Latency at a fixed rate."""
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        """CPU time for each call in total."""
        return self.envoy_cpu_us + self.services_cpu_us


@dataclass(frozen=True)
class Place:
    """Where the floor runs, and the stack whose Envoy it copies."""

    directory: Path
    home: Home
    ports: Ports
    first_port: int
    """The first of three ports."""


async def measure_all(
    stack: BenchStack, loads: Sequence[Scenario], directory: Path, port_base: int, duration_s: float
) -> dict[str, Floor]:
    """Measures each load at saturation, and returns the figures by load.

    The calls that are passed on leave holds that are never settled.

    Raises:
        BenchError: a call got an unexpected answer.
    """
    place = Place(directory, stack.stack.home, stack.stack.ports, port_base + FLOOR_PORT)
    return {one.name: await _measure(place, one, requests(one, stack), duration_s) for one in loads}


async def _measure(place: Place, load: Scenario, made: Iterator[bytes], duration_s: float) -> Floor:
    port = place.first_port
    real = (str(place.home.envoy_socket(service)) for service in ("authz", "ratelimit"))
    repeating = serving(GATEWAY_CORE, "benchmarks.gateway.floor", str(place.directory), *real)
    with repeating as services, _envoy(place) as envoy:
        check(load, await exactly(port, made, connections=1, calls=1))
        check(load, await saturate(port, made, connections=load.connections, duration_s=_WARM_UP_S))
        begun_s = cpu_s(envoy.pid), cpu_s(services.pid)
        outcome = await saturate(port, made, connections=load.connections, duration_s=duration_s)
        ended_s = cpu_s(envoy.pid), cpu_s(services.pid)
        paced = await pace(
            port,
            made,
            connections=load.connections,
            calls=int(PACED_CALLS_PER_S * duration_s),
            per_second=PACED_CALLS_PER_S,
        )
    check(load, outcome)
    check(load, paced)
    envoy_us, services_us = (
        (ended - begun) / outcome.calls * 1e6 for begun, ended in zip(begun_s, ended_s, strict=True)
    )
    return Floor(outcome.calls_per_s, envoy_us, services_us, paced.latency_ms(50), paced.latency_ms(99))


def table(floors: Mapping[str, Floor]) -> Table:
    """Returns the figures by load. Latency is at a fixed rate."""
    shown = Table(title="Proxy floor")
    shown.add_column("load")
    for column in ("calls/s", "CPU µs/call", "Envoy", "services", "p50 ms", "p99 ms"):
        shown.add_column(column, justify="right")
    for name, one in floors.items():
        figures = (one.calls_per_s, one.cpu_us, one.envoy_cpu_us, one.services_cpu_us)
        latencies = (one.p50_ms, one.p99_ms)
        shown.add_row(name, *(f"{figure:,.0f}" for figure in figures), *(f"{figure:.2f}" for figure in latencies))
    return shown


@contextmanager
def _envoy(place: Place) -> Iterator["subprocess.Popen[bytes]"]:
    bootstrap = place.directory / "floor-envoy.json"
    text = place.home.envoy_files.bootstrap_file.read_text(encoding="utf-8")
    write_private(bootstrap, json.dumps(moved(json.loads(text), place)))
    with starting_on({GATEWAY_CORE}), running_envoy(bootstrap, place.first_port + 2) as envoy:
        yield envoy


def moved(bootstrap: Any, place: Place) -> Any:  # noqa: ANN401 - JSON
    """Returns the gateway's configuration with other ports, sockets and journal."""
    home, ports = place.home, place.ports
    paths = {
        str(home.envoy_socket("authz")): place.directory / _AUTHZ,
        str(home.envoy_socket("ratelimit")): place.directory / _RATELIMIT,
        str(home.socket("usage")): place.directory / _USAGE,
        str(home.envoy_admin_socket): place.directory / "envoy-admin.sock",
        str(home.journal_file): place.directory / "floor-journal.log",
    }
    own_ports = {port: place.first_port + at for at, port in enumerate((ports.model, ports.admin, ports.envoy_metrics))}

    def walk(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {
                name: own_ports.get(one, one) if name in {"port_value", "portValue"} else walk(one)
                for name, one in value.items()
            }
        if isinstance(value, list):
            return [walk(one) for one in value]
        return str(paths[value]) if isinstance(value, str) and value in paths else value

    return walk(bootstrap)


class Repeated:
    """A stub method that repeats the first answer of a real service."""

    def __init__(self, path: str, socket: str) -> None:
        """Prepares the method.

        Args:
            path: of the method.
            socket: of the real service.
        """
        self._path = path
        self._socket = socket
        self._answer = b""

    @property
    def method(self) -> UnaryMethod:
        """The method for the server."""
        return UnaryMethod(self._path, self._handle)

    async def _handle(self, request: bytes, _metadata: Metadata) -> bytes:
        if not self._answer:
            async with grpc.aio.insecure_channel(f"unix:{self._socket}") as channel:
                self._answer = await channel.unary_unary(self._path, bytes, bytes)(request)
        return self._answer


async def _drop(messages: AsyncIterator[bytes], _context: object) -> bytes:
    """Reads access logs as bytes and drops them."""
    async for _ in messages:
        pass
    return b""


async def _serve(directory: Path, authz: str, ratelimit: str) -> None:
    usage = grpc.aio.server()
    dropping = {_STREAM_ACCESS_LOGS: grpc.stream_unary_rpc_method_handler(_drop)}
    usage.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_ACCESS_LOG_SERVICE, dropping),))
    usage.add_insecure_port(f"unix:{directory / _USAGE}")
    await usage.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with (
        LeanServer([Repeated(_CHECK, authz).method, _HEALTH]).listening(directory / _AUTHZ, _GRACE_MS),
        LeanServer([Repeated(_SHOULD_RATE_LIMIT, ratelimit).method, _HEALTH]).listening(
            directory / _RATELIMIT, _GRACE_MS
        ),
    ):
        print("ready", flush=True)  # noqa: T201 - the parent process waits for this line
        await stop.wait()
    await usage.stop(None)


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]), *sys.argv[2:4]))
