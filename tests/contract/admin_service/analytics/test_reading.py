"""Every answer is what the records say at its position, compared with a slow reference for random questions."""

import asyncio
import bisect
import dataclasses
import datetime as dt
import random
from collections.abc import AsyncIterator, Hashable, Sequence
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.answer import Latencies, Measures, UsageAnswer, UsageGroup
from admin_service.analytics.member_counts.reading import member_counts
from admin_service.analytics.query import (
    AnyDimension,
    Dimension,
    Filter,
    Granularity,
    InvalidQueryError,
    Metric,
    Reach,
    TagDimension,
    Tree,
    UsageQuery,
)
from admin_service.analytics.reading import UnknownOrganizationError, answer_query
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import acting_for
from tests.contract.admin_service.analytics.usage_tree import GROUPS, HOMES, KEYS, make_tree, reorganize
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare, register
from tests.support.data.usage_histories import Place, UsageHistory
from tests.support.usage_reference import (
    Call,
    calls_at,
    figures_of,
    is_wanted,
    label_of,
    order_of,
    values_of,
)
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.rollups.retention import HoursRetention
from usage_service.rollups.store import RollupStore
from usage_service.settlement.store import settle_batch

START = dt.datetime(2026, 3, 20, 5, 17, 3, 250_000, tzinfo=dt.UTC)
"""Clocks change in Berlin on 29 March, and on Lord Howe Island, by half an hour, on 5 April."""
DAYS = 75
DIMENSIONS: list[AnyDimension] = [*Dimension, TagDimension("project"), TagDimension("env"), TagDimension("unknown")]
Value = TypeVar("Value", bound=Hashable)


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


def some_query(chance: random.Random, zone: ZoneInfo, moments: Sequence[dt.datetime]) -> UsageQuery:
    """Returns a random question. Its ends are often at the start of a local hour, day or month, or close to a call."""
    start, end = sorted(some_instant(chance, zone, moments) for _ in range(2))
    if start == end:
        end += dt.timedelta(microseconds=1)

    def some(values: Sequence[Value]) -> frozenset[Value]:
        return frozenset(chance.sample(values, chance.randint(1, 2))) if chance.random() < 0.25 else frozenset()

    granularity = chance.choice(list(Granularity))
    return UsageQuery(
        organization="acme",
        start=start,
        end=end,
        group_by=tuple(chance.sample(DIMENSIONS, chance.choice((0, 1, 1, 2)))),
        filter=Filter(
            groups=some(list(GROUPS)),
            members=some(list(HOMES)),
            api_keys=some(list(KEYS)),
            models=some(["acme-1", "acme-2", "unknown"]),
            providers=some(["acme", "zeta"]),
            endpoints=some(["chat_completions", "unknown"]),
            statuses=some(["SETTLED", "VOIDED", "EXPIRED"]),
            tags=some([("project", "search"), ("project", "知识, 库"), ("env", "test"), ("env", "unknown")]),
        )
        if chance.random() < 0.7
        else Filter(groups=some(list(GROUPS))),
        reach=chance.choice((Reach(), Reach(), Reach(group=chance.choice(list(GROUPS))), Reach(member="ada"))),
        granularity=granularity,
        tree=chance.choice(list(Tree)),
        order_by=chance.choice(list(Metric)),
        limit=chance.choice((1, 2, 5, 20)),
        compare_with_previous=chance.random() < 0.3,
        with_latencies=chance.random() < 0.3,
    )


def some_instant(chance: random.Random, zone: ZoneInfo, moments: Sequence[dt.datetime]) -> dt.datetime:
    if chance.random() < 0.4:
        return chance.choice(moments) + dt.timedelta(seconds=chance.choice((0, chance.uniform(-1_000, 1_000))))
    instant = START + dt.timedelta(seconds=chance.uniform(-5, DAYS + 5) * 86_400)
    local = instant.astimezone(zone).replace(tzinfo=None)
    match chance.randrange(5):
        case 0:
            return instant
        case 1:
            local = local.replace(minute=0, second=0, microsecond=0)
        case 2 | 3:
            local = local.replace(hour=0, minute=0, second=0, microsecond=0)
        case 4:
            local = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return local.replace(tzinfo=zone).astimezone(dt.UTC)


async def moments_of_calls(owner: asyncpg.Connection) -> list[dt.datetime]:
    return [row[0] for row in await owner.fetch("SELECT place_time FROM usage_records ORDER BY place_time, hold_id")]


def in_range(calls: Sequence[Call], start: dt.datetime, end: dt.datetime) -> list[Call]:
    return [call for call in calls if start <= call.moment < end]


def assert_same(measures: Measures, calls: Sequence[Call], query: UsageQuery, what: object) -> None:
    expected = figures_of(calls)
    for name in Measures._fields:
        if name in {"durations", "first_bytes"}:
            found = getattr(measures, name)
            assert query.with_latencies or found is None
            assert (found or Latencies()).counts == (expected[name] if query.with_latencies else (0,) * 16), (
                what,
                name,
                query,
            )
        else:
            assert getattr(measures, name) == expected.get(name, 0), (what, name, query)


async def assert_members_are_counted(owner: asyncpg.Connection, reading: asyncpg.Pool, query: UsageQuery) -> None:
    """Compares how many members have counted calls, as summaries say it, with the records."""
    first = dataclasses.replace(query, group_by=query.group_by[:1])
    async with acting_for(reading, "acme", isolation="repeatable_read") as connection:
        counts = await member_counts(connection, first, query.start, query.end)
        in_all = await member_counts(connection, dataclasses.replace(query, group_by=()), query.start, query.end)
    everything = [call for call in await calls_at(owner, "acme", 10**9) if is_wanted(call, query)]
    counted = [call for call in in_range(everything, query.start, query.end) if call.status != "VOIDED"]
    members: dict[str, set[str]] = {}
    for call in counted:
        members.setdefault(values_of(call, first)[0], set()).add(call.record["member_id"])
    assert counts.by_value == {value: len(ids) for value, ids in members.items()}, query
    assert counts.total == in_all.total == len({call.record["member_id"] for call in counted}), query


async def assert_exact(owner: asyncpg.Connection, answer: UsageAnswer, query: UsageQuery) -> None:
    """Compares an answer with the records at its position."""
    zone = ZoneInfo(answer.time_zone)
    everything = [call for call in await calls_at(owner, "acme", answer.as_of.sequence) if is_wanted(call, query)]
    calls = in_range(everything, query.start, query.end)
    assert_buckets_are_local(answer, query, zone, calls)
    assert_same(answer.total, calls, query, "total")
    groups: dict[tuple[str, ...], list[Call]] = {} if query.group_by else {(): []}
    for call in calls:
        groups.setdefault(values_of(call, query), []).append(call)
    assert answer.group_count == len(groups)
    figures = {values: figures_of(members) for values, members in groups.items()}
    order = sorted(groups, key=lambda values: (-order_of(figures[values], query.order_by), values))
    shown = order[: query.limit]
    assert [group.values for group in answer.groups if not group.is_other] == shown, query
    before = answer.previous_range
    earlier = [] if before is None else in_range(everything, before.start, before.end)
    starts = [bucket.start for bucket in answer.buckets]
    for group in answer.groups:
        mine = of_group(calls, group, shown, query)
        assert_same(group.total, mine, query, group.values)
        by_bucket: dict[int, list[Call]] = {}
        for call in mine:
            by_bucket.setdefault(bisect.bisect(starts, call.moment) - 1, []).append(call)
        for index, measures in enumerate(group.series):
            if index in by_bucket:
                assert_same(measures, by_bucket[index], query, (group.values, starts[index]))
            else:
                assert measures == Measures(), (group.values, starts[index], query)
        if group.previous is not None:
            assert_same(group.previous, of_group(earlier, group, shown, query), query, ("previous", group.values))
    if answer.previous is not None:
        assert before is not None
        assert before.end == query.start
        assert_same(answer.previous, earlier, query, "previous")
    assert (answer.previous is not None) == query.compare_with_previous
    assert_groups_are_complete(answer)


def of_group(
    calls: Sequence[Call], group: UsageGroup, shown: Sequence[tuple[str, ...]], query: UsageQuery
) -> list[Call]:
    if group.values is None:
        return [call for call in calls if values_of(call, query) not in shown]
    return [call for call in calls if values_of(call, query) == group.values]


def assert_groups_are_complete(answer: UsageAnswer) -> None:
    assert sum((group.total for group in answer.groups), Measures()) == answer.total
    if answer.previous is not None:
        assert sum((group.previous or Measures() for group in answer.groups), Measures()) == answer.previous


def assert_buckets_are_local(answer: UsageAnswer, query: UsageQuery, zone: ZoneInfo, calls: Sequence[Call]) -> None:
    assert answer.buckets[0].start == query.start
    assert answer.buckets[-1].end == query.end
    assert all(one.end == other.start for one, other in zip(answer.buckets, answer.buckets[1:], strict=False))
    starts = [bucket.start for bucket in answer.buckets]
    labels: dict[int, set[object]] = {}
    for call in calls:
        label = label_of(query.granularity, zone, call.moment)
        labels.setdefault(bisect.bisect(starts, call.moment) - 1, set()).add(label)
    assert all(len(one) == 1 for one in labels.values())
    assert len({label for one in labels.values() for label in one}) == len(labels)


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
            query = some_query(chance, ZoneInfo(zone), moments)
            answer = await answer_query(reading, query)
            assert answer.time_zone == zone
            rolled.add(answer.as_of.sequence - answer.as_of.rolled_sequence)
            await assert_exact(owner, answer, query)
            if query.group_by and query.group_by[0] is not Dimension.MEMBER:
                await assert_members_are_counted(owner, reading, query)
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
        query = some_query(chance, ZoneInfo("UTC"), moments)
        answer = await answer_query(reading, query)
        assert answer.as_of.rolled_sequence == 0
        await assert_exact(owner, answer, query)


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
        query = some_query(chance, ZoneInfo("UTC"), await moments_of_calls(owner))
        answer = await answer_query(reading, query)
        zones.add(answer.time_zone)
        await assert_exact(owner, answer, query)
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
