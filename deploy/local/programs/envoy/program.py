"""Envoy: how to start it, and how it takes over from a running one. It drains itself when it gets SIGTERM."""

import http.client
import os
from pathlib import Path

from megarouter_envoy.binary import BinaryNotFoundError, Succession, command, drain_limit_s, find_binary
from megarouter_envoy.clusters.authorities import system_authorities
from megarouter_envoy.module import find_module
from megarouter_envoy.settings.drain_grace import drain_grace_s

from deploy.local.process.accounts import for_account
from deploy.local.process.children import ChildCommand, StartError
from deploy.local.process.privilege import service_account, unprivileged_account
from deploy.local.programs import probes
from deploy.local.programs.envoy.files import prepare_files
from deploy.local.programs.program import EDGE, Program
from deploy.local.stack.plan import StackPlan

LEAVE_SLACK_S = 5.0
UNREADY_S = 5.0
"""A running Envoy that serves no model calls for so long, because it was drained or hangs, is replaced."""
MAX_THREADS = 4
_BASE_ID_SCALE = 10
"""Envoy multiplies the base id by this."""
_PROBED_PATH = "/%2F"
"""The model listener redirects it before any filter, so the answer says nothing about the services."""


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
        is_ready=serves,
        successor=child,
        leaves_by_itself=True,
        leave_timeout_s=drain_limit_s(grace_s) + LEAVE_SLACK_S,
        is_alive=lambda pid: is_live(admin, pid),
        replace_unready_after_s=UNREADY_S,
        stop_rank=EDGE,
        stop_timeout_s=5.0,
        drain_timeout_s=drain_limit_s(grace_s),
        ports=(ports.model, ports.admin, ports.envoy_metrics),
    )


def _prepare(plan: StackPlan) -> None:
    prepare_files(plan)
    # An Envoy that root ran leaves its shared memory, which Envoy cannot replace as another user.
    left = Path("/dev/shm", f"envoy_shared_memory_{plan.ports.model * _BASE_ID_SCALE}")  # noqa: S108 - Envoy's own name
    if unprivileged_account() is not None and left.exists() and left.stat().st_uid == 0:
        left.unlink()


def _child(plan: StackPlan, succession: Succession) -> ChildCommand:
    command = _command(plan.home.envoy_files.bootstrap_file, succession)
    listeners = plan.listeners
    named = (listeners.certificate_file, listeners.key_file, listeners.client_authorities_file)
    installed = (Path(command[0]), find_module(), plan.home.envoy_files.bootstrap_file, system_authorities())
    account = service_account([*installed, *(file for file in named if file is not None)])
    return ChildCommand(
        command=command,
        environment=for_account({**plan.environment, **plan.aws_environment}, account),
        directory=plan.home.envoy,
        log_file=plan.home.log_file("envoy"),
        account=account,
    )


def is_live(admin: Path, pid: int) -> bool:
    """Returns whether the Envoy with this pid has started and answers on its admin page."""
    return probes.listener_of(admin) == pid and probes.admin_request(admin, "/ready")[0] == http.client.OK


def _command(bootstrap: Path, succession: Succession) -> list[str]:
    try:
        return command(find_binary(), bootstrap, min(MAX_THREADS, len(os.sched_getaffinity(0))), succession)
    except BinaryNotFoundError as error:
        raise StartError(str(error)) from error
