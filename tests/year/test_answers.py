"""Answers about the year of demo data are what its 400,000 records say, for random questions. `./dev test tests/year`."""

import asyncio
import datetime as dt
import random
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from admin_service.analytics.query import Dimension
from admin_service.analytics.reading import answer_query
from admin_service.demo.content import ORGANIZATION, TIME_ZONE
from deploy.local.stack.database_urls import login_url
from tests.support.usage.answers import assert_exact, assert_members_are_counted
from tests.support.usage.histories import Place, UsageHistory
from tests.support.usage.questions import Subjects, some_query
from tests.support.usage.reference import Records, read_records
from tests.year.conftest import rolled_up
from usage_service.rollups.follower import RollupFollower

pytestmark = pytest.mark.timeout(900)
QUESTIONS = 25
EVERYTHING = 10**9


def some_moments(records: Records, chance: random.Random) -> Sequence[dt.datetime]:
    return [record["place_time"] for record in chance.sample(records.records, 1_000)]


async def places(owner: asyncpg.Connection) -> list[Place]:
    """Returns where the calls of some keys are charged now."""
    rows = await owner.fetch(
        "SELECT k.api_key_id, k.member_id, m.group_path FROM api_keys k JOIN members m USING (organization_id, member_id)"
        " WHERE k.organization_id = $1 ORDER BY 1 LIMIT 40",
        ORGANIZATION,
    )
    return [Place(row["member_id"], row["api_key_id"], tuple(row["group_path"])) for row in rows]


async def ask(
    owner: asyncpg.Connection, reading: asyncpg.Pool, subjects: Subjects, zone: str, chance: random.Random
) -> None:
    """Asks random questions and compares the answers with the records."""
    records = await read_records(owner, ORGANIZATION)
    calls, moments = records.at(EVERYTHING), some_moments(records, chance)
    for _ in range(QUESTIONS):
        query = some_query(chance, ZoneInfo(zone), subjects, moments)
        answer = await answer_query(reading, query)
        assert answer.time_zone == zone
        assert_exact(calls, answer, query)
        if query.group_by and query.group_by[0] is not Dimension.MEMBER:
            await assert_members_are_counted(calls, reading, query)


@pytest.mark.parametrize("zone", [TIME_ZONE, "Asia/Kathmandu", "America/St_Johns"])
async def test_answers_are_exact_in_every_zone(
    owner: asyncpg.Connection, reading: asyncpg.Pool, year_url: str, subjects: Subjects, zone: str
) -> None:
    if zone != TIME_ZONE:
        await owner.execute("UPDATE organizations SET time_zone = $2 WHERE organization_id = $1", ORGANIZATION, zone)
        await rolled_up(year_url)
    await ask(owner, reading, subjects, zone, random.Random(zone))


async def test_answers_are_exact_after_moves_renames_deletions_and_corrections(
    owner: asyncpg.Connection, reading: asyncpg.Pool, year_url: str, subjects: Subjects
) -> None:
    chance = random.Random(2)
    past = UsageHistory(chance, await places(owner), subjects.start, subjects.end, ORGANIZATION)
    await past.settle(owner, 300)
    await past.correct_the_rest(owner)
    for member in chance.sample(subjects.members, 30):
        group = chance.choice([None, *subjects.groups])
        await owner.execute("UPDATE members SET group_id = $2 WHERE member_id = $1", member, group)
    for member in chance.sample(subjects.members, 10):
        await owner.execute("UPDATE users SET display_name = display_name || '!' WHERE user_id = $1", member)
        await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = $1", member)
    for key in chance.sample(subjects.api_keys, 20):
        await owner.execute("UPDATE api_keys SET state = 'DELETED' WHERE api_key_id = $1", key)
    await owner.execute("UPDATE groups SET display_name = 'Another' WHERE organization_id = $1", ORGANIZATION)
    # Not rolled up yet, and then rolled up.
    for _ in range(2):
        await ask(owner, reading, subjects, TIME_ZONE, chance)
        await rolled_up(year_url)


async def test_answers_are_exact_during_settlement_and_a_change_of_the_zone(
    owner: asyncpg.Connection, reading: asyncpg.Pool, year_url: str, subjects: Subjects
) -> None:
    chance = random.Random(3)
    past = UsageHistory(chance, await places(owner), subjects.start, subjects.end, ORGANIZATION)
    settling = await asyncpg.connect(year_url)
    zones, positions, asked = set[str](), set[int](), 0

    async def settle() -> None:
        while True:
            await past.settle(settling, 50)

    async with asyncpg.create_pool(login_url(year_url, "megarouter_usage"), min_size=1, max_size=3) as pool:
        tasks = [asyncio.create_task(settle()), asyncio.create_task(RollupFollower(pool).run())]
        moments = some_moments(await read_records(owner, ORGANIZATION), chance)
        while "Asia/Kolkata" not in zones or asked < QUESTIONS:
            if asked == QUESTIONS // 3:
                await owner.execute("UPDATE organizations SET time_zone = 'Asia/Kolkata'")
            query = some_query(chance, ZoneInfo(TIME_ZONE), subjects, moments)
            answer = await answer_query(reading, query)
            zones.add(answer.time_zone)
            positions.add(answer.as_of.sequence)
            asked += 1
            assert_exact((await read_records(owner, ORGANIZATION)).at(answer.as_of.sequence), answer, query)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await settling.close()
    assert zones == {TIME_ZONE, "Asia/Kolkata"}
    assert len(positions) > QUESTIONS / 2
