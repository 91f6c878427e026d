"""Each process is killed, or asked to end, under load: what was served is billed once, and the others carry on."""

import asyncio
import signal
import time

import pytest

from tests.faults import databases
from tests.faults.conftest import World, survive

SERVICES = ["usage_service", "authz_service", "ratelimit_service", "admin_service"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SERVICES)
async def test_sigkill_of_a_service_under_load(world: World, name: str) -> None:
    async def kill() -> float:
        moment = time.monotonic()
        world.stack.kill(name)
        return moment

    total = await survive(world, f"SIGKILL {name}", kill, guarded=name == "ratelimit_service")
    assert total.unconfirmed == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SERVICES)
async def test_sigterm_of_a_service_under_load(world: World, name: str) -> None:
    async def end() -> float:
        moment = time.monotonic()
        world.stack.kill(name, signal.SIGTERM)
        return moment

    total = await survive(world, f"SIGTERM {name}", end, guarded=name == "ratelimit_service")
    assert total.unconfirmed == 0


@pytest.mark.timeout(120)
async def test_sigkill_of_postgresql_under_load(world: World, postgres: databases.Postgres) -> None:
    """What was committed stays; settlement and the register of holds wait and lose nothing."""

    async def kill() -> None:
        await postgres.kill()
        await asyncio.sleep(0.5)
        await postgres.start()

    assert (await survive(world, "SIGKILL PostgreSQL, started after 0.5 s", kill)).unconfirmed == 0


@pytest.mark.timeout(120)
async def test_sigterm_of_postgresql_under_load(world: World, postgres: databases.Postgres) -> None:
    async def end() -> None:
        await postgres.terminate()
        await postgres.start()

    assert (await survive(world, "PostgreSQL shut down and started", end)).unconfirmed == 0


@pytest.mark.timeout(120)
async def test_sigkill_of_redis_under_load(world: World, redis: databases.Redis) -> None:
    """Redis comes back empty; counters with their open holds are rebuilt from PostgreSQL.

    Seen to fail when a closed connection was not recognised as one: usage_service stopped following.
    """

    async def kill() -> None:
        await redis.kill()
        await asyncio.sleep(0.5)
        await redis.start()

    assert (await survive(world, "SIGKILL Redis, started empty after 0.5 s", kill)).unconfirmed == 0


@pytest.mark.timeout(120)
async def test_sigterm_of_redis_under_load(world: World, redis: databases.Redis) -> None:
    async def end() -> None:
        await redis.terminate()
        await redis.start()

    assert (await survive(world, "Redis shut down and started empty", end)).unconfirmed == 0
