"""Every answer is what the records say at its position, compared with a slow reference for random questions."""

import asyncio
import dataclasses
import datetime as dt
import random
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.answer import Measures
from admin_service.analytics.query import (
    Dimension,
    Filter,
    Granularity,
    InvalidQueryError,
    UsageQuery,
)
from admin_service.analytics.reading import UnknownOrganizationError, answer_query
from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.analytics.usage_tree import GROUPS, HOMES, KEYS, make_tree, reorganize
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare, register
from tests.support.usage.answers import assert_exact, assert_members_are_counted
from tests.support.usage.histories import Place, UsageHistory
from tests.support.usage.questions import Subjects, some_query
from tests.support.usage.reference import calls_at
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.rollups.retention import HoursRetention
from usage_service.rollups.store import RollupStore
from usage_service.settlement.store import settle_batch

START = dt.datetime(2026, 3, 20, 5, 17, 3, 250_000, tzinfo=dt.UTC)
"""Clocks change in Berlin on 29 March, and on Lord Howe Island, by half an hour, on 5 April."""
DAYS = 75
SUBJECTS = Subjects(
    organization="acme",
    start=START,
    end=START + dt.timedelta(days=DAYS),
    groups=list(GROUPS),
    members=list(HOMES),
    api_keys=list(KEYS),
    models=["acme-1", "acme-2", "unknown"],
    providers=["acme", "zeta"],
    endpoints=["chat_completions", "unknown"],
    tags=[("project", "search"), ("project", "知识, 库"), ("env", "test"), ("env", "unknown")],
)


@pytest.fixture
async def following(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=3) as pool:
        yield pool


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=3) as pool:
        yield pool


async def places(owner: asyncpg.Connection) -> list[Place]:
    """Returns where the calls of each key are charged now."""
    rows = await owner.fetch("SELECT member_id, group_path FROM members")
    paths = {row["member_id"]: tuple(row["group_path"]) for row in rows}
    return [Place(member, key, paths[member]) for key, member in KEYS.items()]


async def moments_of_calls(owner: asyncpg.Connection) -> list[dt.datetime]:
    return [row[0] for row in await owner.fetch("SELECT place_time FROM usage_records ORDER BY place_time, hold_id")]


ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"]


@pytest.mark.parametrize(("zone", "seed"), [(zone, seed) for seed, zone in enumerate(ZONES)])
async def test_answers_are_exact_while_calls_are_settled_and_people_move(
    owner: asyncpg.Connection, following: asyncpg.Pool, reading: asyncpg.Pool, zone: str, seed: int
) -> None:
    chance = random.Random(seed)
    await make_tree(owner)
    await owner.execute("UPDATE organizations SET time_zone = $1", zone)
    past = UsageHistory(chance, await places(owner), START, START + dt.timedelta(days=DAYS))
    rolled = set()
    for stage, days in enumerate((-10, 20.3, 45.7, 400)):
        await past.settle(owner, 60)
        now = START + dt.timedelta(days=days)
        if stage % 2 == 0:
            await caught_up(RollupFollower(following, partial(START.__add__, dt.timedelta(days=days))))
        else:
            # Half of what is new.
            store = RollupStore(following)
            await store.open_months("acme", 0, 1_000)
            await store.advance("acme", 1, 40)
            await store.close_hours("acme", 1, now, most=30)
        if stage == 2:
            assert await HoursRetention(following, 1, partial(START.__add__, dt.timedelta(days=49))).drop_once() > 0
            await past.correct_the_rest(owner)
        moments = await moments_of_calls(owner)
        for _ in range(15):
            query = some_query(chance, ZoneInfo(zone), SUBJECTS, moments)
            answer = await answer_query(reading, query)
            assert answer.time_zone == zone
            rolled.add(answer.as_of.sequence - answer.as_of.rolled_sequence)
            assert_exact(await calls_at(owner, "acme", answer.as_of.sequence), answer, query)
            if query.group_by and query.group_by[0] is not Dimension.MEMBER:
                await assert_members_are_counted(await calls_at(owner, "acme", 10**9), reading, query)
        await reorganize(owner, chance)
        past.places = await places(owner)
    assert {0} < rolled


async def test_answers_before_the_first_rollup_come_from_the_records(
    owner: asyncpg.Connection, reading: asyncpg.Pool
) -> None:
    chance = random.Random(10)
    await make_tree(owner)
    past = UsageHistory(chance, await places(owner), START, START + dt.timedelta(days=DAYS))
    await past.settle(owner, 60)
    moments = await moments_of_calls(owner)
    for _ in range(20):
        query = some_query(chance, ZoneInfo("UTC"), SUBJECTS, moments)
        answer = await answer_query(reading, query)
        assert answer.as_of.rolled_sequence == 0
        assert_exact(await calls_at(owner, "acme", answer.as_of.sequence), answer, query)


async def test_answers_are_exact_during_settlement_and_a_change_of_the_zone(
    owner: asyncpg.Connection, database_url: str, following: asyncpg.Pool, reading: asyncpg.Pool
) -> None:
    chance = random.Random(20)
    await make_tree(owner)
    past = UsageHistory(chance, await places(owner), START, START + dt.timedelta(days=2))
    await past.settle(owner, 10)
    settling = await asyncpg.connect(database_url)
    tasks = [asyncio.create_task(past.settle(settling, 250)), asyncio.create_task(RollupFollower(following).run())]
    zones = set()
    asked = 0
    while not tasks[0].done() or asked < 40:
        if asked == 15:
            await owner.execute("UPDATE organizations SET time_zone = 'Asia/Kathmandu'")
        query = some_query(chance, ZoneInfo("UTC"), SUBJECTS, await moments_of_calls(owner))
        answer = await answer_query(reading, query)
        zones.add(answer.time_zone)
        assert_exact(await calls_at(owner, "acme", answer.as_of.sequence), answer, query)
        asked += 1
        await asyncio.sleep(0.02)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await settling.close()
    await caught_up(RollupFollower(following))
    assert zones | {(await answer_query(reading, query)).time_zone} == {"UTC", "Asia/Kathmandu"}


async def test_an_answer_says_whether_it_will_still_grow(owner: asyncpg.Connection, reading: asyncpg.Pool) -> None:
    await prepare(owner)
    moment = dt.datetime(2026, 3, 20, 5, tzinfo=dt.UTC)
    hold = make_hold(placed_epoch_us=int(moment.timestamp() * 1e6))
    await register(owner, hold)

    async def is_complete(end: dt.datetime) -> bool:
        return (await answer_query(reading, UsageQuery("acme", START - dt.timedelta(days=9), end))).complete

    assert await is_complete(moment)
    assert not await is_complete(moment + dt.timedelta(microseconds=1))
    await settle_batch(owner, [make_settlement(hold)])
    assert await is_complete(moment + dt.timedelta(microseconds=1))
    assert not await is_complete(dt.datetime(2100, 1, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end": START}, "end"),
        ({"start": dt.datetime(1999, 1, 1, tzinfo=dt.UTC)}, "start"),
        ({"end": dt.datetime(2026, 5, 1)}, "end"),  # noqa: DTZ001 - that is the fault
        ({"group_by": (Dimension.MODEL, Dimension.MODEL)}, "group_by"),
        ({"group_by": (Dimension.MODEL, Dimension.MEMBER, Dimension.STATUS)}, "group_by"),
        ({"limit": 0}, "limit"),
        ({"limit": 1_001}, "limit"),
        ({"filter": Filter(models=frozenset(map(str, range(1_001))))}, "filter"),
        ({"granularity": Granularity.HOUR, "group_by": (Dimension.MODEL,), "limit": 1_000}, "granularity"),
    ],
)
async def test_a_question_out_of_bounds_is_refused(
    owner: asyncpg.Connection, reading: asyncpg.Pool, changes: dict[str, Any], field: str
) -> None:
    await prepare(owner)
    query = dataclasses.replace(UsageQuery("acme", START, START + dt.timedelta(days=60)), **changes)
    with pytest.raises(InvalidQueryError) as refused:
        await answer_query(reading, query)
    assert refused.value.field == field


async def test_an_organization_without_calls_has_an_answer(owner: asyncpg.Connection, reading: asyncpg.Pool) -> None:
    await prepare(owner)
    query = UsageQuery("acme", START, START + dt.timedelta(days=2), granularity=Granularity.DAY)
    answer = await answer_query(reading, query)
    assert [(group.values, group.total) for group in answer.groups] == [((), Measures())]
    assert len(answer.buckets) == 3
    by_model = await answer_query(reading, dataclasses.replace(query, group_by=(Dimension.MODEL,)))
    assert (by_model.groups, by_model.group_count) == ((), 0)
    with pytest.raises(UnknownOrganizationError):
        await answer_query(reading, dataclasses.replace(query, organization="unknown"))
