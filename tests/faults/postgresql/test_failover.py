"""The primary dies under load and its replica is promoted. Services find it by a URL that names both."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.faults.conftest import World, open_world, survive
from tests.support.faults import databases
from tests.support.faults.recovery import FIGURES
from tests.support.ports import free_port_base
from tests.support.postgresql.replication import Pair, running_pair


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
    settings = {
        "MEGAROUTER_DATABASE_URL": pair.url,
        "MEGAROUTER_REDIS_URL": redis.url,
        "MEGAROUTER_DATABASE_TIMEOUT_MS": "1500",
        "MEGAROUTER_RECONCILE_INTERVAL_MS": "1500",
    }
    with Stack(tmp_path_factory.mktemp("failover"), free_port_base(), settings=settings) as running:
        yield running


@pytest.fixture
async def world(stack: Stack, pair: Pair, redis: databases.Redis) -> AsyncIterator[World]:
    async with open_world(stack, pair.url, redis.url) as opened:
        yield opened


@pytest.mark.timeout(240)
async def test_no_call_is_lost_when_the_primary_dies_and_its_synchronous_replica_is_promoted(
    world: World, pair: Pair
) -> None:
    await pair.make_synchronous()

    async def fail_over() -> float:
        died_s = time.monotonic()
        await pair.primary.kill()
        await pair.promote()
        promoted_s = time.monotonic()
        FIGURES.notes.append(f"The replica was the primary {promoted_s - died_s:.2f} s after the kill.")
        return promoted_s

    total = await survive(world, "PostgreSQL: primary killed, replica promoted", fail_over)
    assert total.unconfirmed == 0
