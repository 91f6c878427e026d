"""A forecast is made from what the records say, compared with a slow reference for random scopes and moments."""

import datetime as dt
import random
from collections import Counter
from functools import partial
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.forecasting.forecast import WINDOW_DAYS, History
from admin_service.analytics.forecasting.hour_profiles import HourProfiles
from admin_service.analytics.forecasting.reading import read_past
from admin_service.analytics.query import Filter, UsageQuery
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.admin_service.analytics.test_reading import DAYS, START, places
from tests.contract.admin_service.analytics.usage_tree import GROUPS, HOMES, KEYS, make_tree
from tests.support.usage.histories import UsageHistory
from tests.support.usage.reference import calls_at, is_wanted
from usage_service.rollups.follower import RollupFollower, caught_up


def some_scope(chance: random.Random) -> Filter:
    """Returns the filter of what a forecast can be of."""
    return chance.choice(
        (
            Filter(),
            Filter(groups=frozenset({chance.choice(list(GROUPS))})),
            Filter(members=frozenset({chance.choice(list(HOMES))})),
            Filter(api_keys=frozenset({chance.choice(list(KEYS))})),
        )
    )


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe"])
async def test_a_forecast_is_made_from_the_days_and_hours_of_the_records(
    owner: asyncpg.Connection, database_url: str, name: str
) -> None:
    """Seen to fail with `first` of a day later: the oldest day was missing."""
    chance, zone = random.Random(30), ZoneInfo(name)
    await make_tree(owner)
    await owner.execute("UPDATE organizations SET time_zone = $1", name)
    past = UsageHistory(chance, await places(owner), START, START + dt.timedelta(days=DAYS))
    await past.settle(owner, 150)
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=2) as following:
        await caught_up(RollupFollower(following, partial(START.__add__, dt.timedelta(days=60))))
    await past.settle(owner, 50)
    await past.correct_the_rest(owner)
    calls = await calls_at(owner, "acme", 10**9)
    amounts, profiles = 0, HourProfiles()
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=1) as reading:
        for _ in range(15):
            now, kept = START + dt.timedelta(days=chance.uniform(1, DAYS)), some_scope(chance)
            async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
                found = await read_past(connection, "acme", kept, now, profiles)
            today = now.astimezone(zone).date()
            first = today - dt.timedelta(days=WINDOW_DAYS)
            by_day, by_hour = Counter[dt.date](), Counter[int]()
            for call in calls:
                local = call.moment.astimezone(zone)
                if is_wanted(call, UsageQuery("acme", START, now, filter=kept)) and local.date() < today:
                    by_day[local.date()] += call.outcome["charge_nano_credits"]
                    if local.date() >= today - dt.timedelta(days=7):
                        by_hour[local.hour] += call.outcome["charge_nano_credits"]
            days = [by_day[first + dt.timedelta(days=number)] for number in range(WINDOW_DAYS)]
            assert found.history == History(first, days), (now, kept)
            assert list(found.by_hour) == [by_hour[hour] for hour in range(24)], (now, kept)
            amounts += sum(map(bool, days))
    assert amounts > 100


async def test_a_call_of_a_past_day_changes_the_profile_of_its_week(
    owner: asyncpg.Connection, database_url: str
) -> None:
    """Seen to fail with a key of profiles without the amounts."""
    await make_tree(owner)
    past = UsageHistory(random.Random(3), await places(owner), START, START + dt.timedelta(days=5))
    profiles, now = HourProfiles(), START + dt.timedelta(days=6)
    found = []
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=1) as reading:
        for _ in range(2):
            await past.settle(owner, 30)
            async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
                found.append((await read_past(connection, "acme", Filter(), now, profiles)).by_hour)
    assert 0 < sum(found[0]) < sum(found[1])
