"""`--workers N`: a parent restarts worker processes that end, and no worker outlives the parent."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from redis.asyncio import Redis

from deploy.local.process.children import ChildCommand, start_child
from deploy.local.programs import probes
from deploy.local.programs.redis import RedisServer
from deploy.local.stack.environment import inherited
from deploy.local.stack.layout import REPOSITORY
from gateway_core.runtime.settings import RateLimitSettings
from gateway_core.runtime.workers import worker_address, worker_settings
from tests.unit.ratelimit_service.requests import rate_limit_request

OK = rls_pb2.RateLimitResponse.OK
WORKERS = 3
TIMEOUT_S = 60


@pytest.fixture
def sockets(tmp_path: Path) -> list[Path]:
    return [tmp_path / name for name in ("rate.sock", "rate-1.sock", "rate-2.sock")]


@pytest.fixture
def parent(sockets: list[Path], tmp_path: Path, redis_server: RedisServer) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        **inherited(os.environ),
        "MEGAROUTER_LISTEN": f"unix:{sockets[0]}",
        "MEGAROUTER_REDIS_URL": redis_server.url,
    }
    command = [sys.executable, "-m", "ratelimit_service", "--workers", str(WORKERS)]
    process = start_child(ChildCommand(command, environment, REPOSITORY, tmp_path / "service.log"))
    yield process
    with suppress(ProcessLookupError):
        process.terminate()
    process.wait(TIMEOUT_S)


async def until_serving(sockets: list[Path], *, serving: bool = True) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        for socket in sockets:
            while await asyncio.to_thread(probes.is_serving, socket) is not serving:
                await asyncio.sleep(0.1)


def workers_of(parent: "subprocess.Popen[bytes]") -> list[int]:
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text(encoding="ascii")
    return [int(child) for child in children.split()]


def is_alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@asynccontextmanager
async def stubs(sockets: list[Path]) -> AsyncIterator[list[rls_pb2_grpc.RateLimitServiceStub]]:
    channels = [grpc.aio.insecure_channel(f"unix:{socket}") for socket in sockets]
    yield [rls_pb2_grpc.RateLimitServiceStub(channel) for channel in channels]
    for channel in channels:
        await channel.close(None)


async def test_three_workers_share_one_limit(
    parent: "subprocess.Popen[bytes]", sockets: list[Path], redis: Redis
) -> None:
    await until_serving(sockets)
    assert len(workers_of(parent)) == WORKERS
    request = rate_limit_request(("organization", "acme", 100))
    async with stubs(sockets) as workers:
        asks = itertools.islice(itertools.cycle(workers), 300)
        answers = await asyncio.gather(*(stub.ShouldRateLimit(request, timeout=TIMEOUT_S) for stub in asks))
    assert [answer.overall_code for answer in answers].count(OK) == 100


async def test_a_worker_that_dies_is_restarted_without_affecting_others(
    parent: "subprocess.Popen[bytes]", sockets: list[Path], redis: Redis
) -> None:
    await until_serving(sockets)
    before = workers_of(parent)
    os.kill(before[1], signal.SIGKILL)
    assert await asyncio.to_thread(probes.is_serving, sockets[0])
    async with asyncio.timeout(TIMEOUT_S):
        while len(after := workers_of(parent)) < WORKERS or before[1] in after:
            await asyncio.sleep(0.1)
    await until_serving(sockets)
    assert set(before) - set(after) == {before[1]}


async def test_a_stop_ends_all_workers_gracefully(
    parent: "subprocess.Popen[bytes]", sockets: list[Path], redis: Redis
) -> None:
    await until_serving(sockets)
    workers = workers_of(parent)
    parent.terminate()
    assert await asyncio.to_thread(parent.wait, TIMEOUT_S) == 0
    assert not any(map(is_alive, workers))


async def test_no_worker_outlives_a_parent_that_was_killed(
    parent: "subprocess.Popen[bytes]", sockets: list[Path], redis: Redis
) -> None:
    """Seen to fail when workers do not watch their parent: they continued to serve, and could not be stopped."""
    await until_serving(sockets)
    workers = workers_of(parent)
    parent.kill()
    async with asyncio.timeout(TIMEOUT_S):
        while any(map(is_alive, workers)):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("name", "count"), [("ratelimit_service", "0"), ("authz_service", "65"), ("usage_service", "2")]
)
def test_an_invalid_number_of_workers_is_refused(name: str, count: str) -> None:
    command = [sys.executable, "-m", name, "--workers", count]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 2
    assert f"--workers: {name} " in done.stderr


@pytest.mark.parametrize(
    ("address", "worker", "own"),
    [
        ("unix:/run/authz.sock", 0, "unix:/run/authz.sock"),
        ("unix:/run/authz.sock", 2, "unix:/run/authz-2.sock"),
        ("127.0.0.1:9000", 0, "127.0.0.1:9000"),
        ("[::1]:9000", 3, "[::1]:9003"),
    ],
)
def test_every_worker_has_its_own_addresses(address: str, worker: int, own: str) -> None:
    assert worker_address(address, worker) == own


def test_the_settings_of_workers_differ_only_in_addresses() -> None:
    settings = RateLimitSettings.model_validate(
        {"listen": "unix:/a.sock", "envoy_listen": "unix:/b.sock", "metrics_listen": "127.0.0.1:9100", "redis_url": "x"}
    )
    changed = settings.model_copy(
        update={"listen": "unix:/a-1.sock", "envoy_listen": "unix:/b-1.sock", "metrics_listen": "127.0.0.1:9101"}
    )
    assert worker_settings(settings, 1) == changed
