"""Envoy: how to start it and how to drain its traffic."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from megarouter_envoy.binary import BinaryNotFoundError, command, find_binary
from megarouter_envoy.clusters.authorities import system_authorities
from megarouter_envoy.module import find_module

from deploy.local.process.accounts import for_account
from deploy.local.process.children import ChildCommand, StartError
from deploy.local.process.privilege import service_account
from deploy.local.programs import probes
from deploy.local.programs.envoy_files import prepare_files
from deploy.local.programs.program import EDGE, Program
from deploy.local.stack.layout import HOST
from deploy.local.stack.plan import StackPlan

DRAIN_TIMEOUT_S = 5.0
IDLE_CONNECTIONS_S = 0.5
"""How long to wait for idle connections. A client that uses one within this time is asked to open a new one."""
_ACTIVE = r"^http\..*\.downstream_(rq|cx)_active$"
MAX_THREADS = 4


def envoy_program(plan: StackPlan) -> Program:
    """Returns Envoy, the proxy that all traffic passes through."""
    ports = plan.ports
    return Program(
        name="envoy",
        address=f"http://{HOST}:{ports.model}",
        prepare=lambda: prepare_files(plan),
        child=lambda: _child(plan),
        is_ready=lambda _pid: probes.answers_ok(ports.envoy_admin, "/ready"),
        drain=lambda: drain(ports.envoy_admin),
        stop_rank=EDGE,
        stop_timeout_s=5.0,
        ports=(ports.model, ports.admin, ports.envoy_admin),
    )


def _child(plan: StackPlan) -> ChildCommand:
    command = _command(plan.home.bootstrap_file)
    reads = (Path(command[0]), find_module(), plan.home.bootstrap_file, system_authorities())
    account = service_account(reads)
    return ChildCommand(
        command=command,
        environment=for_account(plan.environment, account),
        directory=plan.home.envoy,
        log_file=plan.home.log_file("envoy"),
        account=account,
    )


def _command(bootstrap: Path) -> list[str]:
    try:
        return command(find_binary(), bootstrap, min(MAX_THREADS, len(os.sched_getaffinity(0))))
    except BinaryNotFoundError as error:
        raise StartError(str(error)) from error


def drain(envoy_admin_port: int, timeout_s: float = DRAIN_TIMEOUT_S) -> None:
    """Makes Envoy refuse new connections and send `connection: close` with every answer on an open one.

    Waits at most `timeout_s` until running calls have ended and clients have closed their connections.
    """
    deadline = time.monotonic() + timeout_s
    status, _ = probes.http_request(envoy_admin_port, "/drain_listeners", "POST")
    idle_since_s = None
    while status and time.monotonic() < deadline:
        status, text = probes.http_request(envoy_admin_port, f"/stats?filter={_ACTIVE}")
        active = active_on_listeners(text)
        if active.connections == 0:
            return
        if active.requests:
            idle_since_s = None
        elif idle_since_s is None:
            idle_since_s = time.monotonic()
        elif time.monotonic() - idle_since_s > IDLE_CONNECTIONS_S:
            return
        time.sleep(0.05)


@dataclass(frozen=True)
class Active:
    """How many requests and connections clients have open on the listeners."""

    requests: int
    connections: int


def active_on_listeners(stats: str) -> Active:
    """Sums the open requests and connections in the text of Envoy's `/stats`, except those to its admin page."""
    lines = [line.partition(": ") for line in stats.splitlines() if not line.startswith("http.admin.")]
    requests, connections = (
        sum(int(value) for name, _, value in lines if name.endswith(ending) and value.isdigit())
        for ending in ("downstream_rq_active", "downstream_cx_active")
    )
    return Active(requests, connections)
