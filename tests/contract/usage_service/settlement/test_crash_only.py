"""A service whose background work failed reports it, ends gracefully, and can be started again (INV-20)."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from redis.asyncio import Redis

from deploy.local.process.children import ChildCommand, start_child, wait_until_ready
from deploy.local.programs import probes
from deploy.local.programs.redis import RedisServer
from deploy.local.stack.database_urls import login_url
from deploy.local.stack.environment import inherited
from deploy.local.stack.layout import REPOSITORY
from gateway_core.runtime.grpc_server import EXIT_FAILED
from gateway_core.stores.redis.keys import pool_key
from tests.contract.usage_service.service_runs import until
from tests.contract.usage_service.settlement_cases import ROLE, SIGNING_KEY, prepare

START_TIMEOUT_S = 60.0
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "service.sock"


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "service.log"


@pytest.fixture
def start(socket: Path, log_file: Path, database_url: str, redis_server: RedisServer) -> Iterator[Start]:
    """Starts a usage_service as a separate process, and waits until it is ready."""
    environment = {
        **inherited(os.environ),
        "MEGAROUTER_LISTEN": f"unix:{socket}",
        "MEGAROUTER_USAGE_DATABASE_URL": login_url(database_url, ROLE),
        "MEGAROUTER_REDIS_URL": redis_server.url,
        "MEGAROUTER_HOLD_SIGNING_KEY": SIGNING_KEY.hex(),
        "MEGAROUTER_JOURNAL_FILE": str(socket.with_name("usage.log")),
    }
    processes = []

    def starter() -> "subprocess.Popen[bytes]":
        process = start_child(ChildCommand([sys.executable, "-m", "usage_service"], environment, REPOSITORY, log_file))
        processes.append(process)
        wait_until_ready(process, "usage_service", log_file, lambda _pid: probes.is_serving(socket), START_TIMEOUT_S)
        return process

    yield starter
    for process in processes:
        process.kill()
        process.wait()


async def contradict(redis: Redis) -> None:
    """Writes a value to Redis that no version of this program writes."""
    await redis.hset(pool_key("acme"), "sequence", "the secret is 42")


async def test_a_service_whose_background_work_failed_is_not_ready_and_exits_with_an_error(
    owner: asyncpg.Connection, redis: Redis, start: Start, socket: Path, log_file: Path
) -> None:
    """Seen to fail when the failure is only logged: the service reported itself healthy, and Redis was not updated any more."""
    await prepare(owner)
    process = start()
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        seen = [(await watch.read()).status]
        await contradict(redis)
        seen.append((await watch.read()).status)
        watch.cancel()
    assert seen == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
    await until(lambda: process.poll() is not None)
    assert process.returncode == EXIT_FAILED
    lines = [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]  # noqa: ASYNC240
    (failure,) = [line for line in lines if line["level"] == "ERROR"]
    assert failure["message"] == "background work failed"
    assert (failure["work"], failure["error"]) == ("CounterFollower.sweep", "ValueError")
    assert "secret" not in json.dumps(failure)
    assert lines[-1]["message"] == "stopped"


async def test_the_service_runs_again_once_the_fault_is_gone(
    owner: asyncpg.Connection, redis: Redis, start: Start
) -> None:
    await prepare(owner)
    first = start()
    await contradict(redis)
    await until(lambda: first.poll() is not None)
    await redis.flushall()
    second = start()
    await asyncio.sleep(4)  # longer than the interval between two comparisons
    assert second.poll() is None
