"""Envoy: how to start it, how it takes over from a running one, and how to drain its traffic."""

import http.client
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from megarouter_envoy.binary import BinaryNotFoundError, Succession, command, find_binary
from megarouter_envoy.clusters.authorities import system_authorities
from megarouter_envoy.module import find_module

from deploy.local.process.accounts import for_account
from deploy.local.process.children import ChildCommand, StartError
from deploy.local.process.privilege import service_account, unprivileged_account
from deploy.local.programs import probes
from deploy.local.programs.envoy_files import prepare_files
from deploy.local.programs.program import EDGE, Program
from deploy.local.stack.environment import DRAIN_GRACE
from deploy.local.stack.plan import StackPlan

DEFAULT_DRAIN_GRACE_S = 30
MAX_DRAIN_GRACE_S = 3_600
LEAVE_SLACK_S = 5.0
UNREADY_S = 5.0
"""A running Envoy that serves no model calls for so long, because it was drained or hangs, is replaced."""
IDLE_CONNECTIONS_S = 0.5
"""How long to wait for idle connections. A client that uses one within this time is asked to open a new one."""
_NOT_CALLS = ("http.admin.", "http.metrics.")
_ACTIVE = r"^http\..*\.downstream_(rq|cx)_active$"
MAX_THREADS = 4
_BASE_ID_SCALE = 10
"""Envoy multiplies the base id by this."""
_PROBED_PATH = "/%2F"
"""The model listener redirects it before any filter, so the answer says nothing about the services."""


class DrainGraceError(Exception):
    """The time that running calls get at the end of Envoy is not a number of seconds. The message says what to set."""


def envoy_program(plan: StackPlan) -> Program:
    """Returns Envoy, the proxy that all traffic passes through."""
    home, ports, listeners = plan.home, plan.ports, plan.listeners
    admin = home.envoy_admin_socket
    grace_s = drain_grace_s(plan.environment)

    def serves(pid: int) -> bool:
        listening = probes.answers(listeners.probed_host, ports.model, _PROBED_PATH, tls=listeners.is_tls)
        return is_live(admin, pid) and listening

    def child(epoch: int) -> ChildCommand:
        return _child(plan, Succession(ports.model, epoch, grace_s))

    return Program(
        name="envoy",
        address=listeners.url(ports.model),
        prepare=lambda: _prepare(plan),
        child=lambda: child(0),
        is_ready=lambda pid: (
            is_live(admin, pid)
            and probes.answers(listeners.probed_host, ports.model, _PROBED_PATH, tls=listeners.is_tls)
        ),
        drain=lambda: drain(admin, grace_s),
        successor=child,
        leaves_by_itself=True,
        leave_timeout_s=grace_s + LEAVE_SLACK_S,
        is_alive=lambda pid: is_live(admin, pid),
        replace_unready_after_s=UNREADY_S,
        stop_rank=EDGE,
        stop_timeout_s=5.0,
        ports=(ports.model, ports.admin, ports.envoy_metrics),
    )


def _prepare(plan: StackPlan) -> None:
    prepare_files(plan)
    # An Envoy that root ran leaves its shared memory, which Envoy cannot replace as another user.
    left = Path("/dev/shm", f"envoy_shared_memory_{plan.ports.model * _BASE_ID_SCALE}")  # noqa: S108 - Envoy's own name
    if unprivileged_account() is not None and left.exists() and left.stat().st_uid == 0:
        left.unlink()


def _child(plan: StackPlan, succession: Succession) -> ChildCommand:
    command = _command(plan.home.bootstrap_file, succession)
    listeners = plan.listeners
    named = (listeners.certificate_file, listeners.key_file, listeners.client_authorities_file)
    installed = (Path(command[0]), find_module(), plan.home.bootstrap_file, system_authorities())
    account = service_account([*installed, *(file for file in named if file is not None)])
    return ChildCommand(
        command=command,
        environment=for_account(plan.environment, account),
        directory=plan.home.envoy,
        log_file=plan.home.log_file("envoy"),
        account=account,
    )


def is_live(admin: Path, pid: int) -> bool:
    """Returns whether the Envoy with this pid has started and answers on its admin page."""
    return probes.listener_of(admin) == pid and probes.admin_request(admin, "/ready")[0] == http.client.OK


def drain_grace_s(environment: Mapping[str, str]) -> int:
    """Returns how long calls may take that run when Envoy is stopped or replaced.

    Raises:
        DrainGraceError: the variable is not a number of seconds.
    """
    text = environment.get(DRAIN_GRACE, str(DEFAULT_DRAIN_GRACE_S))
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DRAIN_GRACE_S:
        raise DrainGraceError(f"{DRAIN_GRACE}: choose a whole number of seconds from 1 to {MAX_DRAIN_GRACE_S}")
    return int(text)


def _command(bootstrap: Path, succession: Succession) -> list[str]:
    try:
        return command(find_binary(), bootstrap, min(MAX_THREADS, len(os.sched_getaffinity(0))), succession)
    except BinaryNotFoundError as error:
        raise StartError(str(error)) from error


def drain(admin: Path, timeout_s: float) -> None:
    """Makes Envoy refuse new connections and send `connection: close` with every answer on an open one.

    Waits at most `timeout_s` until running calls have ended and clients have closed their connections.
    """
    deadline = time.monotonic() + timeout_s
    status, _ = probes.admin_request(admin, "/drain_listeners", "POST")
    idle_since_s = None
    while status and time.monotonic() < deadline:
        status, text = probes.admin_request(admin, f"/stats?filter={_ACTIVE}")
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
    """Sums the open requests and connections in the text of Envoy's `/stats`, except those to its admin page and its metrics."""
    lines = [line.partition(": ") for line in stats.splitlines() if not line.startswith(_NOT_CALLS)]
    requests, connections = (
        sum(int(value) for name, _, value in lines if name.endswith(ending) and value.isdigit())
        for ending in ("downstream_rq_active", "downstream_cx_active")
    )
    return Active(requests, connections)
