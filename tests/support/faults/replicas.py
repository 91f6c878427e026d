"""A second Envoy in front of three replicas of authz_service. They share the databases of the stack."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from megarouter_envoy.binary import command, find_binary

from deploy.local.process.children import ChildCommand, start_child, stop_child, wait_until_ready
from deploy.local.programs import probes
from deploy.local.stack.environment import ENVOY_LISTEN, LISTEN, Backends, inherited, service_environment
from deploy.local.stack.layout import REPOSITORY, Ports
from deploy.local.stack.secrets import load_or_make_secrets
from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.supervision.embedded_stack import Stack

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
ENVOY_WORKERS = 2


@contextmanager
def replicated(
    stack: Stack, name: str, backends: Backends, ports: Ports, environments: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    """Yields the base URL of a gateway with one replica of authz_service for each of these additional environments."""
    directory = stack.home.directory / name
    directory.mkdir()
    with ExitStack() as running:
        sockets = [stack.home.sockets / f"{name}-{number}.sock" for number in range(len(environments))]
        for socket, environment in zip(sockets, environments, strict=True):
            process, log_file = _start_authz(stack, backends, directory, socket, environment)
            running.callback(stop_child, process, signal.SIGTERM, STOP_TIMEOUT_S)
            wait_until_ready(process, socket.name, log_file, _serving(socket), START_TIMEOUT_S)
        bootstrap = directory / "bootstrap.json"
        bootstrap.write_text(_bootstrap(stack, ports, sockets), encoding="utf-8")
        log_file = directory / "envoy.log"
        envoy = start_child(
            ChildCommand(command(find_binary(), bootstrap, ENVOY_WORKERS), inherited(os.environ), directory, log_file)
        )
        running.callback(stop_child, envoy, signal.SIGTERM, STOP_TIMEOUT_S)
        wait_until_ready(
            envoy, "Envoy", log_file, lambda _: probes.answers_ok(ports.envoy_metrics, "/ready"), START_TIMEOUT_S
        )
        yield f"http://127.0.0.1:{ports.model}"


def _serving(socket: Path) -> Callable[[int], bool]:
    return lambda _pid: probes.is_serving(_others(socket))


def _others(socket: Path) -> Path:
    """Returns the socket on which all clients but Envoy call a replica."""
    return socket.with_suffix(".grpc")


def _start_authz(
    stack: Stack, backends: Backends, directory: Path, socket: Path, further: Mapping[str, str]
) -> tuple["subprocess.Popen[bytes]", Path]:
    secrets = load_or_make_secrets(stack.home)
    environment = service_environment("authz", stack.home, secrets, backends, DEFAULT_CATALOG, inherited(os.environ))
    log_file = directory / f"{socket.stem}.log"
    child = ChildCommand(
        [sys.executable, "-m", "authz_service"],
        {**environment, **further, LISTEN: f"unix:{_others(socket)}", ENVOY_LISTEN: f"unix:{socket}"},
        REPOSITORY,
        log_file,
    )
    return start_child(child), log_file


def _bootstrap(stack: Stack, ports: Ports, sockets: list[Path]) -> str:
    """Returns the stack's Envoy configuration with other ports and one endpoint per replica."""
    text = stack.home.envoy_files.bootstrap_file.read_text(encoding="utf-8")
    old = stack.ports
    for before, after in ((old.model, ports.model), (old.admin, ports.admin), (old.envoy_metrics, ports.envoy_metrics)):
        text = text.replace(f'"port_value": {before}', f'"port_value": {after}')
        text = text.replace(f'"portValue": {before}', f'"portValue": {after}')
    admin = stack.home.envoy_admin_socket
    content: dict[str, Any] = json.loads(text.replace(str(admin), str(admin.with_name(f"{ports.model}-admin.sock"))))
    own = str(stack.home.envoy_socket("authz"))
    found = [endpoints for endpoints in _lists(content) if any(own in json.dumps(entry) for entry in endpoints)]
    endpoints = min(found, key=lambda entries: len(json.dumps(entries)))
    template = json.dumps(endpoints[0])
    endpoints[:] = [json.loads(template.replace(own, str(socket))) for socket in sockets]
    return json.dumps(content)


def _lists(content: object) -> Iterator[list[Any]]:
    """Yields every list of objects in a document."""
    children: list[Any] = []
    if isinstance(content, dict):
        children = list(content.values())
    elif isinstance(content, list):
        children = content
        if content and isinstance(content[0], dict):
            yield content
    for child in children:
        yield from _lists(child)
