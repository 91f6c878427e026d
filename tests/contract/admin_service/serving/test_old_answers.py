"""Remembered answers to requests are deleted after their retention."""

import asyncio

import asyncpg

from admin_service.serving.change_transaction import Changes
from admin_service.wiring import ROLE
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.postgres.connections import open_pool
from tests.contract.admin_service.conftest import running_service


async def remember(owner: asyncpg.Connection, count: int, age: str) -> None:
    await owner.execute(
        "INSERT INTO request_replays (user_id, method, request_id, request_hash, response, create_time)"
        " SELECT 'super', $2::text, n, sha256(''), '', now() - $2::text::interval FROM generate_series(1, $1) n",
        count, age,
    )  # fmt: skip


async def left(owner: asyncpg.Connection, expected: int) -> int:
    """Waits until `expected` answers are left or time runs out, and returns the number of answers."""
    for _ in range(600):
        count = int(await owner.fetchval("SELECT count(*) FROM request_replays"))
        if count == expected:
            break
        await asyncio.sleep(0.05)
    return count


async def test_the_service_deletes_answers_older_than_a_day(
    settings: AdminSettings, people: None, owner: asyncpg.Connection
) -> None:
    await remember(owner, 3, "25 hours")
    await remember(owner, 2, "23 hours")
    async with running_service(settings):
        assert await left(owner, 2) == 2


async def test_no_statement_deletes_more_than_a_batch(
    settings: AdminSettings, people: None, owner: asyncpg.Connection
) -> None:
    await remember(owner, 5, "25 hours")
    async with open_pool(settings, ROLE) as pool:
        assert [await Changes(pool).forget_old_answers(batch=3) for _ in range(3)] == [3, 2, 0]


async def test_answers_are_deleted_periodically_in_bounded_batches(
    settings: AdminSettings, people: None, owner: asyncpg.Connection
) -> None:
    await remember(owner, 250, "25 hours")
    async with open_pool(settings, ROLE) as pool:
        async with in_background(Changes(pool).keep_forgetting(interval_s=3_600, batch=1)):
            assert await left(owner, 150) == 150
            await asyncio.sleep(0.3)
            assert await left(owner, 150) == 150
        async with in_background(Changes(pool).keep_forgetting(interval_s=0.05, batch=1)):
            assert await left(owner, 0) == 0
