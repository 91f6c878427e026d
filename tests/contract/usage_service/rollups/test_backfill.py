"""An upgrade adds what rollups lack, from the days that they have."""

import datetime as dt
import random

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.schema.files import load_migrations
from gateway_core.schema.migrate import migrate
from tests.contract.usage_service.rollups.test_follower import START, faults
from tests.contract.usage_service.settlement_cases import ROLE, prepare
from tests.support.usage.histories import UsageHistory, some_places
from usage_service.rollups.follower import RollupFollower, caught_up

UNDO = """
DROP TABLE usage_running_totals, usage_year_totals, usage_member_sets, usage_member_numbers, usage_tag_days;
DELETE FROM usage_months WHERE scope_kind = 'api_key';
DROP AGGREGATE member_union(bit varying);
DROP FUNCTION member_union(bit varying, bit varying)
"""


async def test_what_earlier_rollups_lack_comes_with_the_upgrade(owner: asyncpg.Connection, database_url: str) -> None:
    await prepare(owner, "acme", "other")
    await owner.execute("UPDATE organizations SET time_zone = 'Asia/Kathmandu'")
    past = UsageHistory(random.Random(8), some_places(), START, START + dt.timedelta(days=50))
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as pool:
        await past.settle(owner, 80)
        await caught_up(RollupFollower(pool, lambda: START + dt.timedelta(days=40.3)))
        await owner.execute(UNDO)
        lost = ("_running_totals.sql", "_tag_days.sql", "_year_totals.sql")
        added = [one.name for one in load_migrations() if one.name.endswith(lost)]
        await owner.execute("DELETE FROM schema_migrations WHERE name = ANY ($1)", added)
        await migrate(owner, {})
        for table in ("usage_running_totals", "usage_year_totals", "usage_member_sets", "usage_tag_days"):
            assert await owner.fetchval(f"SELECT count(*) FROM {table}") > 0  # noqa: S608 - our own names
        assert await faults(database_url) == []
        await past.settle(owner, 20)
        await past.correct_the_rest(owner)
        await caught_up(RollupFollower(pool, lambda: START + dt.timedelta(days=60)))
        assert await faults(database_url) == []
