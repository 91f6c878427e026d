"""Usage to report."""

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.analytics.exports.exported import END, START
from tests.contract.admin_service.analytics.test_reading import places
from tests.contract.admin_service.analytics.usage_tree import make_tree
from tests.support.usage.histories import UsageHistory
from usage_service.rollups.follower import RollupFollower, caught_up


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture
async def history(owner: asyncpg.Connection, database_url: str) -> UsageHistory:
    """Calls of every member, most of them in the rollups."""
    await make_tree(owner)
    await owner.execute("UPDATE organizations SET time_zone = 'Europe/Berlin'")
    past = UsageHistory(random.Random(11), await places(owner), START, END)
    await past.settle(owner, 100)
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=3) as following:
        await caught_up(RollupFollower(following))
    await past.settle(owner, 50)
    return past
