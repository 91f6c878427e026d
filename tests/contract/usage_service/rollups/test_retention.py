"""Hours of old months are dropped as whole partitions, and never before days are made of them."""

import datetime as dt
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from tests.contract.usage_service.rollups.test_follower import faults
from tests.contract.usage_service.settlement_cases import ROLE, prepare
from tests.support.usage.histories import UsageHistory, some_places
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.rollups.retention import HoursRetention

START = dt.datetime(2026, 3, 25, tzinfo=dt.UTC)
IN_JUNE = dt.datetime(2026, 6, 3, tzinfo=dt.UTC)
MONTHS = (
    "SELECT array_agg(right(inhrelid::regclass::text, 6)) FROM pg_inherits"
    " WHERE inhparent IN ('usage_hours'::regclass, 'usage_tagged_hours'::regclass)"
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=3) as made:
        yield made


async def months_with_calls(owner: asyncpg.Connection) -> list[str]:
    rows = await owner.fetch(
        "SELECT DISTINCT to_char(hour_start AT TIME ZONE 'UTC', 'YYYYMM') AS month FROM usage_hours ORDER BY 1"
    )
    return [row["month"] for row in rows]


async def test_old_hours_are_dropped_and_everything_else_stays(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner)
    # Local hours begin at quarters to the hour, so one lies across the ends of the months.
    await owner.execute("UPDATE organizations SET time_zone = 'Asia/Kathmandu'")
    past = UsageHistory(random.Random(3), some_places(), START, START + dt.timedelta(days=60))
    await past.settle(owner, 150)
    follower, retention = RollupFollower(pool, lambda: IN_JUNE), HoursRetention(pool, 1, lambda: IN_JUNE)
    await caught_up(follower)
    days = await owner.fetchval("SELECT count(*) FROM usage_days")
    assert await HoursRetention(pool, 0, lambda: IN_JUNE).drop_once() == 0
    assert await months_with_calls(owner) == ["202603", "202604", "202605"]
    assert await retention.drop_once() == 4
    assert await months_with_calls(owner) == ["202605"]
    assert await owner.fetchval("SELECT count(*) FROM usage_days") == days
    assert await faults(database_url) == []
    # Late calls and corrections of dropped hours count in their days. Their hours are incomplete, and dropped again.
    await past.settle(owner, 60)
    await past.correct_the_rest(owner)
    await caught_up(follower)
    assert await owner.fetchval("SELECT count(*) FROM usage_days") > days
    assert await faults(database_url) == []
    assert len(await months_with_calls(owner)) == 3
    assert await retention.drop_once() > 0
    assert await months_with_calls(owner) == ["202605"]
    assert await faults(database_url) == []


async def test_nothing_is_dropped_while_days_are_made_of_it(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    await prepare(owner)
    past = UsageHistory(random.Random(4), some_places(), START, START + dt.timedelta(days=60))
    await past.settle(owner, 60)
    retention = HoursRetention(pool, 1, lambda: IN_JUNE)
    await caught_up(RollupFollower(pool, lambda: START))
    assert await retention.drop_once() == 0
    await caught_up(RollupFollower(pool, lambda: IN_JUNE))
    await owner.execute("UPDATE organizations SET time_zone = 'Asia/Tokyo'")
    follower = RollupFollower(pool, lambda: IN_JUNE)
    while await owner.fetchval("SELECT count(*) FROM usage_rollups WHERE state = 'BUILDING'") == 0:
        await follower.follow_once()
    assert await retention.drop_once() == 0
    await caught_up(follower)
    assert await retention.drop_once() > 0
    assert await owner.fetchval("SELECT time_zone FROM usage_rollups") == "Asia/Tokyo"
    assert await faults(database_url) == []


async def test_partitions_are_there_before_their_month_begins(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await prepare(owner)
    await caught_up(RollupFollower(pool, lambda: dt.datetime(2031, 12, 28, tzinfo=dt.UTC)))
    assert {"203112", "203201"} <= set(await owner.fetchval(MONTHS))
