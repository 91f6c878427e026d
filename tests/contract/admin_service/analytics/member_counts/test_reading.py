"""Members are counted from sets of whole days, and it is what the records say."""

import datetime as dt
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.answer import MemberCounts
from admin_service.analytics.member_counts.reading import member_counts
from admin_service.analytics.query import Dimension, Filter, UsageQuery
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare
from tests.support.usage.histories import UsageHistory, expiry, some_places
from tests.support.usage.reference import Call, calls_at
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.settlement.store import settle_batch

START = dt.datetime(2026, 3, 20, tzinfo=dt.UTC)
DAYS = 45
ZONE = ZoneInfo("Asia/Kathmandu")
EVERYTHING = UsageQuery("acme", START, START + dt.timedelta(days=DAYS), group_by=(Dimension.MODEL,))


@pytest.fixture
async def following(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=2) as pool:
        yield pool


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=2) as pool:
        yield pool


def some_instant(chance: random.Random) -> dt.datetime:
    """Returns an instant that is often the start of a local day."""
    local = (START + dt.timedelta(days=chance.uniform(-2, DAYS + 2))).astimezone(ZONE).replace(tzinfo=None)
    if chance.random() < 0.7:
        local = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return local.replace(tzinfo=ZONE).astimezone(dt.UTC)


async def counted(reading: asyncpg.Pool, query: UsageQuery) -> MemberCounts:
    async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
        return await member_counts(connection, query, query.start, query.end)


def members_of(calls: Sequence[Call], query: UsageQuery) -> dict[str, set[str]]:
    """Returns by model who has calls that count."""
    found: dict[str, set[str]] = {}
    for call in calls:
        model = call.record["requested_model"]
        is_kept = not query.filter.models or model in query.filter.models
        if query.start <= call.moment < query.end and call.status != "VOIDED" and is_kept:
            found.setdefault(model, set()).add(call.record["member_id"])
    return found


async def test_members_by_model_are_exact_for_any_range_while_calls_are_settled(
    owner: asyncpg.Connection, following: asyncpg.Pool, reading: asyncpg.Pool
) -> None:
    """Seen to fail when a member of the rest of a day was counted again, and when a set was cut at its first day."""
    await prepare(owner)
    await owner.execute("UPDATE organizations SET time_zone = $1", ZONE.key)
    chance = random.Random(5)
    past = UsageHistory(chance, some_places(), START, EVERYTHING.end)
    has_sets = 0
    for days in (20.4, 31, 60):
        await past.settle(owner, 40)
        await caught_up(RollupFollower(following, partial(START.__add__, dt.timedelta(days=days))))
        await past.settle(owner, 15)
        calls = await calls_at(owner, "acme", 10**9)
        for _ in range(20):
            start, end = sorted((some_instant(chance), some_instant(chance)))
            kept = Filter(models=frozenset({"acme-1", "zeta"})) if chance.random() < 0.2 else Filter()
            query = replace(EVERYTHING, start=start, end=end + dt.timedelta(microseconds=start == end), filter=kept)
            expected = members_of(calls, query)
            found = await counted(reading, query)
            assert found.by_value == {model: len(members) for model, members in expected.items()}, query
            assert found.total == len(set().union(*expected.values())), query
        has_sets += await owner.fetchval("SELECT count(*) FROM usage_member_sets")
    assert has_sets > 0


async def test_a_member_whose_only_call_failed_after_all_is_not_counted(
    owner: asyncpg.Connection, following: asyncpg.Pool, reading: asyncpg.Pool
) -> None:
    """Seen to fail before the correction was in rollups, and once it was: the set still had the member."""
    await prepare(owner)
    hold = make_hold(member="ada", placed_epoch_us=int((START + dt.timedelta(hours=5)).timestamp() * 1e6))
    failed = make_settlement(hold, facts={}, http_status=429, upstream_host=None, flags=frozenset({"RL"}))
    follower = RollupFollower(following, lambda: EVERYTHING.end)
    await settle_batch(owner, [expiry(failed)])
    await caught_up(follower)
    assert (await counted(reading, EVERYTHING)).total == 1
    await settle_batch(owner, [failed])
    assert await counted(reading, EVERYTHING) == MemberCounts(0, {})
    await caught_up(follower)
    assert await counted(reading, EVERYTHING) == MemberCounts(0, {})
