"""The probe of a container, against servers that use the gRPC library."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gateway_core.runtime.unix_sockets.health_probe import LISTEN, main

HEALTHY, UNHEALTHY, MISUSED = 0, 1, 2
Serve = Callable[[str], health.HealthServicer]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    servers = []

    def start(name: str) -> health.HealthServicer:
        server = grpc.server(ThreadPoolExecutor(1))
        servicer = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        server.add_insecure_port(f"unix:{tmp_path / name}")
        server.start()
        servers.append(server)
        return servicer

    yield start
    for server in servers:
        server.stop(None).wait()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {LISTEN: f"unix:{tmp_path / 'authz.sock'}"}


def test_a_service_that_serves_is_ready_and_alive(serve: Serve, environment: dict[str, str]) -> None:
    serve("authz.sock")
    assert [main([], environment), main(["--alive"], environment)] == [HEALTHY, HEALTHY]


def test_a_service_that_waits_for_a_database_is_alive_and_not_ready(serve: Serve, environment: dict[str, str]) -> None:
    serve("authz.sock").set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert [main([], environment), main(["--alive"], environment)] == [UNHEALTHY, HEALTHY]


def test_a_service_that_does_not_listen_is_neither(environment: dict[str, str]) -> None:
    assert [main([], environment), main(["--alive"], environment)] == [UNHEALTHY, UNHEALTHY]


def test_one_worker_that_serves_suffices(serve: Serve, environment: dict[str, str]) -> None:
    serve("authz-2.sock")
    assert [main(["--workers", "2"], environment), main(["--workers", "3"], environment)] == [UNHEALTHY, HEALTHY]


def test_an_address_of_another_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {LISTEN: "127.0.0.1:9000"}) == MISUSED
    assert LISTEN in capsys.readouterr().err
