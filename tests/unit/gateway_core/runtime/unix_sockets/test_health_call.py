"""The health check, which does without the gRPC library, against servers that use the library."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gateway_core.runtime.unix_sockets.health_call import says_serving

TIMEOUT_S = 5.0
Status = health_pb2.HealthCheckResponse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.sock"


@pytest.fixture
def servicer(path: Path) -> Iterator[health.HealthServicer]:
    server = grpc.server(ThreadPoolExecutor(2))
    found = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(found, server)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    yield found
    server.stop(None).wait()


def test_a_server_that_reports_serving_is_healthy(path: Path, servicer: health.HealthServicer) -> None:
    assert says_serving(path, TIMEOUT_S)
    assert says_serving(path, TIMEOUT_S)


@pytest.mark.parametrize("status", [Status.NOT_SERVING, Status.UNKNOWN])
def test_a_server_that_reports_another_status_is_unhealthy(
    path: Path, servicer: health.HealthServicer, status: int
) -> None:
    servicer.set("", status)
    assert not says_serving(path, TIMEOUT_S)


def test_a_server_without_the_health_service_is_unhealthy(path: Path) -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    assert not says_serving(path, TIMEOUT_S)
    server.stop(None).wait()


def test_a_missing_server_is_unhealthy(path: Path) -> None:
    assert not says_serving(path, TIMEOUT_S)


@pytest.mark.parametrize(
    "spoken", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 100, b"\x00\x00\x07\x00\x00\x00\x00\x00\x01"]
)
def test_a_server_with_another_protocol_is_unhealthy_within_the_time_limit(path: Path, spoken: bytes) -> None:
    ended = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(spoken)
                ended.wait(TIMEOUT_S)

        speaker = threading.Thread(target=speak)
        speaker.start()
        started = time.monotonic()
        assert not says_serving(path, 0.2)
        assert time.monotonic() - started < 2.0
        ended.set()
        speaker.join()
