"""The operator's command that rebuilds rollups."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from tests.contract.usage_service.rollups.test_follower import START, faults
from tests.contract.usage_service.settlement_cases import ROLE, prepare
from tests.support.usage.histories import UsageHistory, some_places
from usage_service.rollups.follower import RollupFollower, caught_up


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as made:
        yield made


async def run(database_url: str, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "MEGAROUTER_DATABASE_URL": database_url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "usage_service.rollups", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_a_rebuild_repairs_broken_rollups(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner)
    history = UsageHistory(random.Random(1), some_places(), START, START.replace(day=25))
    await history.settle(owner, 40)
    await caught_up(RollupFollower(pool))
    await owner.execute("UPDATE usage_days SET call_count = call_count + 1")
    await owner.execute("DELETE FROM usage_hours WHERE member_id = 'ada'")
    assert await faults(database_url) != []
    following = asyncio.create_task(RollupFollower(pool).run())
    status, text = await run(database_url, "rebuild", "--organization", "acme")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    head = await owner.fetchval("SELECT sequence FROM ledger_heads")
    assert (status, f"generation 2 CURRENT UTC: {head} of {head} events\n" in text) == (0, True), text
    await caught_up(RollupFollower(pool))
    assert await faults(database_url) == []
    assert await run(database_url, "status", "--organization", "acme") == (
        0,
        f"generation 2 CURRENT UTC: {head} of {head} events\n",
    )


async def test_a_rebuild_that_nobody_carries_out_says_so(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner)
    assert await run(database_url, "rebuild", "--organization", "acme") == (1, "rollups: it has no rollups yet\n")
    await caught_up(RollupFollower(pool))
    status, text = await run(database_url, "rebuild", "--organization", "acme", "--wait-s", "0")
    assert (status, "goes on while usage_service runs" in text) == (1, True)
    assert await run(database_url, "rebuild", "--organization", "acme") == (
        1,
        "rollups: its rollups are being built already\n",
    )
    assert (await run(database_url, "status", "--organization", "unknown"))[0] == 1
