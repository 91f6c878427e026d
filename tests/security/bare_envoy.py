"""A bare Envoy that answers 401 at the headers of every request: the least that refusing a stranger can cost."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from megarouter_envoy.binary import command, find_binary

_TYPE = "type.googleapis.com/envoy.extensions.filters"


WORKERS = 2
START_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class BareEnvoy:
    """Its two ports stand for those of the gateway."""

    model: int
    admin: int
    pid: int


@contextmanager
def bare_envoy(folder: Path, model: int, admin: int) -> Iterator[BareEnvoy]:
    """Runs it with as many workers as the gateway has on two cores."""
    path = folder / "bare.json"
    path.write_text(json.dumps(_bootstrap(model, admin)), encoding="utf-8")
    with (folder / "bare.log").open("wb") as log:
        process = subprocess.Popen(command(find_binary(), path, workers=WORKERS), stdout=log, stderr=log)
    try:
        for port in (model, admin):
            _wait_until_listening(port)
        yield BareEnvoy(model, admin, process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_until_listening(port: int) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
        else:
            return


def _bootstrap(*ports: int) -> dict[str, Any]:
    return {"static_resources": {"listeners": [_listener(port) for port in ports]}}


def _listener(port: int) -> dict[str, Any]:
    refusal = {"match": {"prefix": "/"}, "direct_response": {"status": 401, "body": {"inline_string": "no"}}}
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": str(port),
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [refusal]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"},
            }
        ],
    }
    return {
        "name": str(port),
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
