"""Calls to export."""

import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.analytics.exports.exported import END, START
from tests.contract.admin_service.analytics.test_reading import places
from tests.contract.admin_service.analytics.usage_tree import make_tree
from tests.support.usage.histories import UsageHistory


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture
async def history(owner: asyncpg.Connection) -> UsageHistory:
    """Calls of every member, some voided, some expired, some of these corrected, and some to be corrected later."""
    await make_tree(owner)
    await owner.execute("UPDATE organizations SET time_zone = 'Europe/Berlin'")
    past = UsageHistory(random.Random(7), await places(owner), START, END)
    await past.settle(owner, 150)
    return past
