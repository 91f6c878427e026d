"""Several worker processes of a service under one parent, which restarts workers that end.

Every worker has its own addresses, derived from those of the settings (`worker_address`). Callers spread their calls
over them, as Envoy does over the endpoints of a cluster. Like replicas, workers share nothing but the databases.
"""

import argparse
import ctypes
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final, TypeVar

from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.grpc_server import Service, run_service
from gateway_core.runtime.settings import ServiceSettings
from gateway_core.runtime.telemetry.logs import configure_logging

logger = logging.getLogger(__name__)

MAX_WORKERS: Final = 64
_UNIX: Final = "unix:"
_PR_SET_DUMPABLE: Final = 4
_LOOK_INTERVAL_S: Final = 0.2
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0
"""A worker that lived this long is restarted after the first pause."""
_STOP_SLACK_S: Final = 5.0

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class Place:
    """Which process of a service this is."""

    workers: int
    worker: int | None
    """The number of this worker; None for a parent, and for a service with a single process."""
    parent_id: int | None
    """The process that started this worker."""


def parse_arguments(name: str, most: int = MAX_WORKERS) -> Place:
    """Parses the command line of a service, `[--workers N]`. Exits if it is invalid.

    Args:
        name: name of the service.
        most: maximum number of workers.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}", description=f"Runs {name}. Its settings are MEGAROUTER_* environment variables."
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="processes, each with its own addresses: the next port, or NAME-1.sock after NAME.sock (default 1)",
    )
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not 1 <= given.workers <= most:
        parser.error(
            f"--workers: {name} has 1 to {most}" if most > 1 else f"--workers: {name} runs as one process only"
        )
    return Place(given.workers, given.worker, given.parent)


def run(name: str, place: Place, settings: S, build: Callable[..., AbstractAsyncContextManager[Service]]) -> None:
    """Runs the service, one of its workers, or their parent, until it is stopped.

    Args:
        name: module of the service, and its name for logs and traces.
        place: which process this is.
        settings: the settings of worker 0.
        build: as for `run_service`.
    """
    keep_memory_private()
    if place.workers > 1:
        configure_logging(name, settings.log_level)
        sys.exit(_Parent(name, place.workers, settings.shutdown_grace_ms / 1_000 + _STOP_SLACK_S).run())
    if place.worker is not None:
        settings = worker_settings(settings, place.worker)
    run_service(name, settings, build, parent_id=place.parent_id)


def keep_memory_private() -> None:
    """Prevents core dumps, and prevents other processes of the same user from reading the memory or `/proc/PID/environ`.

    A system that refuses the second is logged, and the service runs anyway.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    zero = ctypes.c_ulong(0)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, zero, zero, zero, zero) != 0:
        logger.warning("memory is not private", extra={"error": os.strerror(ctypes.get_errno())})


def worker_settings(settings: S, worker: int) -> S:
    """Returns the settings with the addresses of a worker."""
    addresses = {
        field: worker_address(address, worker)
        for field in ("listen", "envoy_listen", "metrics_listen")
        if (address := getattr(settings, field)) is not None
    }
    return settings.model_copy(update=addresses)


def worker_address(address: str, worker: int) -> str:
    """Returns the address itself for worker 0. For others returns `host:port + worker`, or `unix:/path/name-worker.sock`."""
    if worker == 0:
        return address
    if address.startswith(_UNIX):
        path = Path(address.removeprefix(_UNIX))
        return f"{_UNIX}{path.with_name(f'{path.stem}-{worker}{path.suffix}')}"
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + worker}"


@dataclass(slots=True)
class _Worker:
    """One worker, running or waiting to be started."""

    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S))
    due_s: float = 0.0


class _Parent:
    """Starts workers and restarts them."""

    def __init__(self, name: str, count: int, stop_timeout_s: float) -> None:
        self._name = name
        self._workers = [_Worker() for _ in range(count)]
        self._stop_timeout_s = stop_timeout_s
        self._stop = threading.Event()

    def run(self) -> int:
        """Runs until a signal arrives. Returns the exit status."""
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, self._on_signal)
        while not self._stop.is_set():
            for number, worker in enumerate(self._workers):
                self._look_after(number, worker)
            self._stop.wait(_LOOK_INTERVAL_S)
        return self._stop_all()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _look_after(self, number: int, worker: _Worker) -> None:
        now_s = time.monotonic()
        if worker.process is not None and (status := worker.process.poll()) is not None:
            if now_s - worker.started_s >= _STEADY_S:
                worker.backoff.succeeded()
            pause_s = worker.backoff.failed()
            logger.error(
                "a worker ended and will be restarted",
                extra={"worker": number, "status": status, "pause_s": pause_s},
            )
            worker.process, worker.due_s = None, now_s + pause_s
        if worker.process is None and now_s >= worker.due_s:
            place = ["--worker", str(number), "--parent", str(os.getpid())]
            worker.process = subprocess.Popen([sys.executable, "-m", self._name, *place])
            worker.started_s = now_s

    def _stop_all(self) -> int:
        """Stops all workers. Returns 0 if all of them stopped in time."""
        running = [worker.process for worker in self._workers if worker.process is not None]
        for process in running:
            process.terminate()
        deadline_s = time.monotonic() + self._stop_timeout_s
        status = 0
        for process in running:
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("killing a worker that did not stop in time", extra={"process_id": process.pid})
                process.kill()
                process.wait()
                status = 1
        return status
