"""Callers are ranked by running totals of whole days and months, in the order that the records say."""

import datetime as dt
import random
from collections.abc import AsyncIterator, Sequence
from functools import partial
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.query import Dimension, Filter, Metric, Reach, UsageQuery
from admin_service.analytics.reading import answer_query
from admin_service.analytics.rollup_choice import choose
from admin_service.analytics.statements import ranked_measures
from admin_service.analytics.time_ranges import Source
from deploy.local.stack.database_urls import login_url
from tests.contract.usage_service.settlement_cases import prepare
from tests.support.usage.histories import Place, UsageHistory
from tests.support.usage.reference import Call, calls_at, figures_of, is_wanted, order_of, values_of
from usage_service.rollups.follower import RollupFollower, caught_up

START = dt.datetime(2025, 11, 20, tzinfo=dt.UTC)
DAYS = 125
"""Over the end of a year, and some whole months."""
GROUPS = ("research", "sales", "support")
RANKED = (Metric.CALLS, Metric.VOIDED_CALLS, Metric.TOKENS, Metric.CHARGE)


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=2) as pool:
        yield pool


def some_query(chance: random.Random, zone: ZoneInfo) -> UsageQuery:
    """Returns a random question that running totals answer. Its days are often those at the ends of a month."""
    # The first day is that of a month.
    first, last = sorted(chance.choice((chance.randrange(-1, DAYS + 2), 11, 42)) for _ in range(2))
    midnight = START.replace(tzinfo=zone)
    start, end = (
        (midnight.replace(tzinfo=None) + dt.timedelta(days=days)).replace(tzinfo=zone).astimezone(dt.UTC)
        for days in (first, last + chance.choice((0, 1)) if last > first else last + 1)
    )
    group = frozenset({chance.choice(GROUPS)})
    return UsageQuery(
        "acme",
        start,
        end - dt.timedelta(hours=chance.choice((0, 0, 7.2))),
        group_by=(chance.choice((Dimension.MEMBER, Dimension.API_KEY)),),
        order_by=chance.choice(RANKED),
        filter=Filter(groups=group) if chance.random() < 0.2 else Filter(),
        reach=Reach(group=min(group)) if chance.random() < 0.2 else Reach(),
        limit=chance.choice((3, 100)),
    )


def ranked(calls: Sequence[Call], query: UsageQuery) -> list[tuple[str, ...]]:
    """Returns the callers that have calls, in the order of the question."""
    by_caller: dict[tuple[str, ...], list[Call]] = {}
    for call in calls:
        if is_wanted(call, query) and query.start <= call.moment < query.end:
            by_caller.setdefault(values_of(call, query), []).append(call)
    order = {values: order_of(figures_of(mine), query.order_by) for values, mine in by_caller.items()}
    return sorted(order, key=lambda values: (-order[values], values))


@pytest.mark.parametrize("zone", ["America/Santiago", "Asia/Kathmandu"])
async def test_ranks_are_those_of_the_records_for_any_days(
    owner: asyncpg.Connection, database_url: str, reading: asyncpg.Pool, zone: str
) -> None:
    """Seen to fail when the day or the month before the range counted, and when the last one was left out."""
    chance = random.Random(zone)
    await prepare(owner)
    await owner.execute("UPDATE organizations SET time_zone = $1", zone)
    places = [
        Place(f"member-{number}", f"key-{number}-{key}", (GROUPS[number % len(GROUPS)],))
        for number in range(12)
        for key in range(2)
    ]
    past = UsageHistory(chance, places, START, START + dt.timedelta(days=DAYS))
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=2) as following:
        for days in (60.3, 140):
            await past.settle(owner, 150)
            await caught_up(RollupFollower(following, partial(START.__add__, dt.timedelta(days=days))))
    await past.settle(owner, 10)
    calls = await calls_at(owner, "acme", 10**9)
    sources: set[Source] = set()
    for _ in range(60):
        query = some_query(chance, ZoneInfo(zone))
        sources.update(choose(query, query.granularity, ranked_measures(query)).sources)
        order = ranked(calls, query)
        answer = await answer_query(reading, query)
        assert answer.group_count == len(order), query
        assert [group.values for group in answer.groups if not group.is_other] == order[: query.limit], query
    assert sources == {Source.YEAR_TOTALS, Source.MONTHS, Source.RUNNING_TOTALS, Source.HOURS}
