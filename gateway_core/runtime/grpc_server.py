"""Runs a service: its gRPC server, health, reflection, start in any order, and graceful stop."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from gateway_core.runtime.background import in_background, watched
from gateway_core.runtime.health import health_method
from gateway_core.runtime.lean_grpc.server import LeanServer
from gateway_core.runtime.reflection import enable_reflection
from gateway_core.runtime.settings import ServiceSettings, StartRefusedError
from gateway_core.runtime.telemetry.logs import configure_logging
from gateway_core.runtime.telemetry.metrics import configure_metrics
from gateway_core.runtime.telemetry.tracing import configure_tracing
from gateway_core.runtime.unary import UnaryMethod
from gateway_core.runtime.unix_sockets.handover import ArrivingSockets

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_METADATA_BYTES = 64 * 1024
"""More than Envoy's limit for the headers of a request, so that Envoy refuses what is too large. gRPC would list the sizes of all
headers in its error."""
EXIT_FAILED = 1
_COLLECT_AFTER = (50_000, 20, 20)
"""The thresholds of the garbage collector: new objects, then collections of the next younger generation."""
_PARENT_INTERVAL_S = 1.0
_UNIX = "unix:"


class Service(Protocol):
    """What `run_service` needs from a service."""

    service_names: Sequence[str]
    """Full names of its gRPC services, for reflection and health."""

    health_names: Sequence[str]
    """Other names under which health is asked for."""

    unary_methods: Sequence[UnaryMethod]
    """Methods that Envoy may also call over the lean transport."""

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds the handlers to the server."""

    def is_ready(self) -> bool:
        """Returns whether calls can be answered now, for the health service."""

    def begin_stop(self) -> None:
        """Ends streams that their callers would never end. The server waits for the other calls."""


def run_service(
    name: str,
    settings: ServiceSettings,
    build: Callable[..., AbstractAsyncContextManager[Service]],
    parent_id: int | None = None,
) -> None:
    """Runs a service until SIGTERM or SIGINT, or until its background work fails.

    After a failure the process ends with status 1, so that its supervisor restarts it.

    Args:
        name: the name for logs and traces.
        settings: the service's own settings.
        build: `build(settings, tracing, metrics)` opens the service's resources, yields the service, and then flushes
            and closes them.
        parent_id: process id of the parent; the service stops when the parent is gone.
    """
    configure_logging(name, settings.log_level)
    tracing = configure_tracing(name)
    metrics = configure_metrics(name, settings.metrics_listen)
    ending = _Ending()
    try:
        uvloop.run(_serve(settings, ending, lambda: build(settings, tracing, metrics), parent_id))
    except StartRefusedError as error:
        logger.error("the service cannot start: %s", error)  # noqa: TRY400 - a stack trace would add nothing
        ending.has_failed = True
    finally:
        tracing.shut_down()
        metrics.shut_down()
    if ending.has_failed:
        sys.exit(EXIT_FAILED)


@dataclass
class _Ending:
    """When a process ends, and why."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    has_failed: bool = False

    def fail(self) -> None:
        """Ends the process because it can no longer do its work."""
        self.has_failed = True
        self.stop.set()


async def _serve(
    settings: ServiceSettings,
    ending: _Ending,
    build: Callable[[], AbstractAsyncContextManager[Service]],
    parent_id: int | None,
) -> None:
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, ending.stop.set)
    with watched(ending.fail):
        async with nullcontext() if parent_id is None else in_background(_stop_without(parent_id, ending.stop)):
            await _serve_until(settings, ending.stop, build)


async def _stop_without(parent_id: int, stop: asyncio.Event) -> None:
    """Stops when the parent has died, because then nothing else would stop this process."""
    while os.getppid() == parent_id:  # noqa: ASYNC110 - the system sends no event
        await asyncio.sleep(_PARENT_INTERVAL_S)
    logger.warning("stopping: the parent process is gone")
    stop.set()


async def _serve_until(
    settings: ServiceSettings, stop: asyncio.Event, build: Callable[[], AbstractAsyncContextManager[Service]]
) -> None:
    async with _stoppable(build(), stop) as service:
        if service is None:
            return
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.so_reuseport", 0),
            ]
        )
        servicer = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        service.add_to(server)
        enable_reflection((*service.service_names, health.SERVICE_NAME), server)
        sockets = ArrivingSockets(_unix_paths(settings))
        server.add_insecure_port(_arriving(settings.listen, sockets))
        await server.start()
        async with _listening_for_envoy(settings, service, sockets):
            _collect_rarely()
            async with in_background(_report_health(servicer, service)):
                if await _unless_stopped(sockets.take_over(service.is_ready), stop):
                    logger.info("started", extra={"listen": settings.listen})
                    await stop.wait()
        await servicer.enter_graceful_shutdown()
        service.begin_stop()
        await server.stop(settings.shutdown_grace_ms / 1_000)
    logger.info("stopped")


def _collect_rarely() -> None:
    """Exempts the present objects from garbage collection and makes it rare, because calls leave hardly any reference cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _listening_for_envoy(
    settings: ServiceSettings, service: Service, sockets: ArrivingSockets
) -> AbstractAsyncContextManager[None]:
    if settings.envoy_listen is None:
        return nullcontext()
    server = LeanServer((*service.unary_methods, health_method(service.is_ready)))
    return server.listening(sockets.path_of(_path(settings.envoy_listen)), settings.shutdown_grace_ms)


def _unix_paths(settings: ServiceSettings) -> list[Path]:
    addresses = [settings.envoy_listen, settings.listen]
    return [_path(address) for address in addresses if address is not None and address.startswith(_UNIX)]


def _path(address: str) -> Path:
    return Path(address.removeprefix(_UNIX))


def _arriving(address: str, sockets: ArrivingSockets) -> str:
    """Returns the address at which a starting process listens. A TCP port is taken at once."""
    return f"{_UNIX}{sockets.path_of(_path(address))}" if address.startswith(_UNIX) else address


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
    """Finishes the work, unless a stop is requested first. Returns whether it finished."""
    working, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        return False
    working.result()
    return True


@asynccontextmanager
async def _stoppable(
    opening: AbstractAsyncContextManager[Service], stop: asyncio.Event
) -> AsyncIterator[Service | None]:
    """Opens the service's resources. Yields None if a stop is requested before they are open."""
    entering = asyncio.ensure_future(opening.__aenter__())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({entering, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not entering.done():
        entering.cancel()
        yield None
        return
    service = entering.result()
    try:
        yield service
    finally:
        await opening.__aexit__(None, None, None)


async def _report_health(servicer: HealthServicer, service: Service) -> None:
    """Keeps the health status current, of the whole server and of each name. Checks it four times a second."""
    names = ("", *service.service_names, *service.health_names)
    while True:
        serving = (
            health_pb2.HealthCheckResponse.SERVING if service.is_ready() else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in names:
            await servicer.set(name, serving)
        await asyncio.sleep(0.25)
