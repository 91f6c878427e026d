"""The primary is lost under load and its replica is promoted. Services find it by a URL that names both."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.faults.conftest import World, open_world, survive
from tests.support.faults import databases
from tests.support.faults.recovery import FIGURES
from tests.support.faults.tcp_proxy import TcpProxy
from tests.support.ports import free_port_base
from tests.support.postgresql.replication import Pair, running_pair

DECIDED_AFTER_S = 2.0
"""How long whoever promotes the replica waits for the primary."""


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("pair")) as running:
        yield running


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Redis]:
    with databases.running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def stack(pair: Pair, redis: databases.Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Its services reach the primary through the proxy, and the replica directly."""
    settings = {
        "MEGAROUTER_DATABASE_URL": pair.url_through(pair.primary.proxy.port),
        "MEGAROUTER_REDIS_URL": redis.url,
        "MEGAROUTER_DATABASE_TIMEOUT_MS": "1500",
        "MEGAROUTER_RECONCILE_INTERVAL_MS": "1500",
    }
    with Stack(tmp_path_factory.mktemp("failover"), free_port_base(), settings=settings) as running:
        yield running


@pytest.fixture
def observer(pair: Pair) -> Iterator[TcpProxy]:
    """How the test itself reaches the primary."""
    with TcpProxy(pair.primary.port) as proxy:
        yield proxy


@pytest.fixture
async def world(stack: Stack, pair: Pair, redis: databases.Redis, observer: TcpProxy) -> AsyncIterator[World]:
    async with open_world(stack, pair.url_through(observer.port), redis.url) as opened:
        yield opened


async def promoted(pair: Pair, loss: str, lost_s: float) -> float:
    await asyncio.sleep(DECIDED_AFTER_S)
    await pair.promote()
    promoted_s = time.monotonic()
    FIGURES.notes.append(f"Primary {loss}: the replica was the primary {promoted_s - lost_s:.2f} s later.")
    return promoted_s


@pytest.mark.timeout(240)
async def test_no_call_is_lost_when_the_primary_dies_and_its_synchronous_replica_is_promoted(
    world: World, pair: Pair
) -> None:
    await pair.make_synchronous()

    async def fail_over() -> float:
        lost_s = time.monotonic()
        await pair.primary.kill()
        return await promoted(pair, "killed", lost_s)

    total = await survive(world, "PostgreSQL: primary killed, replica promoted", fail_over)
    assert total.unconfirmed == 0


@pytest.mark.timeout(240)
async def test_no_call_is_lost_when_the_primary_falls_silent_and_its_synchronous_replica_is_promoted(
    world: World, pair: Pair, observer: TcpProxy
) -> None:
    """As when its machine or its network is lost: connections stay open, and new ones are accepted and never answered.

    Seen to fail with asyncpg's own way through the servers of a URL: it waits for the first one until its time is up, and never
    asks the second.
    """
    await pair.make_synchronous()

    async def fail_over() -> float:
        lost_s = time.monotonic()
        pair.primary.proxy.stall()
        observer.cut()
        return await promoted(pair, "silent", lost_s)

    total = await survive(world, "PostgreSQL: primary silent, replica promoted", fail_over)
    assert total.unconfirmed == 0
