"""PostgreSQL slow, full or out of reach: calls go on or are refused, and whatever was served is billed once."""

import asyncio
import time

import asyncpg
import pytest

from tests.faults import databases
from tests.faults.conftest import World, survive


@pytest.mark.timeout(120)
async def test_postgresql_frozen_under_load(world: World, postgres: databases.Postgres) -> None:
    async def freeze() -> float:
        postgres.freeze()
        await asyncio.sleep(3)
        moment = time.monotonic()
        postgres.thaw()
        return moment

    assert (await survive(world, "PostgreSQL frozen for 3 s", freeze)).unconfirmed == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", ["stalled", "cut"])
async def test_the_way_to_postgresql_fails_under_load(world: World, postgres: databases.Postgres, way: str) -> None:
    async def fail() -> float:
        postgres.proxy.stall() if way == "stalled" else postgres.proxy.cut()
        await asyncio.sleep(2)
        moment = time.monotonic()
        postgres.proxy.restore()
        return moment

    assert (await survive(world, f"way to PostgreSQL {way} for 2 s", fail)).unconfirmed == 0


@pytest.mark.timeout(120)
async def test_connections_to_postgresql_are_reset_in_the_middle_of_transactions(
    world: World, postgres: databases.Postgres
) -> None:
    async def reset() -> None:
        for _ in range(10):
            postgres.proxy.reset_connections()
            await asyncio.sleep(0.1)

    assert (await survive(world, "connections to PostgreSQL reset ten times", reset)).unconfirmed == 0


@pytest.mark.timeout(120)
async def test_postgresql_out_of_connections_under_load(world: World, postgres: databases.Postgres) -> None:
    """Others have taken every connection there is, and the services have lost theirs."""

    async def exhaust() -> float:
        taken: list[asyncpg.Connection] = []
        postgres.proxy.cut()
        try:
            while True:
                taken.append(await asyncpg.connect(postgres.url))
        except asyncpg.TooManyConnectionsError:
            pass
        assert len(taken) > 100
        postgres.proxy.restore()
        await asyncio.sleep(2)
        moment = time.monotonic()
        await asyncio.gather(*(connection.close() for connection in taken))
        return moment

    assert (await survive(world, "PostgreSQL out of connections for 2 s", exhaust)).unconfirmed == 0
