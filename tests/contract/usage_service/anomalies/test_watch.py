"""Unusual spend is found exactly once, explained to the nano-credit, and follows late calls and answers."""

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Sequence
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from tests.contract.usage_service.settlement_cases import ROLE, make_hold, make_settlement, prepare
from tests.support.usage.histories import expiry
from usage_service.anomalies.watch import AnomalyWatch
from usage_service.rollups.follower import RollupFollower, caught_up
from usage_service.settlement.store import settle_batch

ZONE = ZoneInfo("Europe/Berlin")
START = dt.date(2026, 1, 5)
THEFT = dt.date(2026, 3, 18)
PATH = ("research", "vision")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=4) as made:
        yield made


@pytest.fixture(autouse=True)
async def berlin(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await owner.execute("UPDATE organizations SET time_zone = $1", ZONE.key)


def at(day: dt.date, hour: int = 12) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), ZONE)


async def call(
    owner: asyncpg.Connection, moments: Sequence[dt.datetime], tokens: int = 3_000, member: str = "mia",
    key: str = "key-1", model: str = "acme-1", path: tuple[str, ...] = PATH,
) -> None:  # fmt: skip
    """Settles calls of about `tokens` times 0.000002 credits."""
    await settle_batch(
        owner,
        [
            make_settlement(
                make_hold(placed_epoch_us=int(moment.timestamp() * 1e6), member=member, api_key=key, group_path=path,
                          requested_model=model, amount_nano_credits=10**10),
                input_tokens=tokens,
            )
            for moment in moments
        ],
    )  # fmt: skip


async def ordinary(owner: asyncpg.Connection, until: dt.date, member: str = "mia", key: str = "key-1") -> None:
    """Settles a call on each working day."""
    days = (START + dt.timedelta(days=number) for number in range((until - START).days))
    await call(owner, [at(day) for day in days if day.weekday() < 5], member=member, key=key)


async def judged(pool: asyncpg.Pool, now: dt.datetime) -> None:
    await caught_up(RollupFollower(pool, lambda: now))
    watch = AnomalyWatch(pool)
    while await watch.watch_once():
        pass


async def anomalies(owner: asyncpg.Connection) -> dict[tuple[str, str], asyncpg.Record]:
    rows = await owner.fetch("SELECT * FROM usage_anomalies ORDER BY local_day")
    return {(row["scope_id"], row["local_day"].isoformat()): row for row in rows}


async def test_a_theft_is_one_alarm_with_an_exact_split(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await ordinary(owner, THEFT)
    await call(owner, [at(THEFT)])
    await call(owner, [at(THEFT, 3)] * 40, tokens=9_000, model="acme-2")
    await judged(pool, at(THEFT + dt.timedelta(days=1), 1))
    found = await anomalies(owner)
    assert {scope for scope, _ in found} == {"mia", "key-1", "research", "vision"}
    member = found["mia", THEFT.isoformat()]
    assert (member["explained_by"], member["granularity"]) == (None, "DAY")
    assert {row["explained_by"] for row in found.values()} == {None, member["anomaly_id"]}
    assert (member["start_time"], member["end_time"]) == (at(THEFT, 0), at(THEFT + dt.timedelta(days=1), 0))
    for row in found.values():
        excess = row["actual_nano_credits"] - row["expected_nano_credits"]
        charge = await owner.fetchval(
            "SELECT sum(charge_nano_credits) FROM usage_facts WHERE place_time >= $1 AND place_time < $2",
            row["start_time"], row["end_time"],
        )  # fmt: skip
        assert row["actual_nano_credits"] == charge
        for listed in json.loads(row["parts"]).values():
            assert sum(sum(parts) for _, *parts in listed) == excess
    # 40 calls more at the usual cost of a call, and three times as many tokens in them.
    assert member["volume_nano_credits"] > 0
    assert member["size_nano_credits"] > member["volume_nano_credits"]
    assert json.loads(member["parts"])["models"][0][0] == "acme-2"


async def test_judging_again_finds_nothing_new(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await ordinary(owner, THEFT)
    await call(owner, [at(THEFT)] * 60)
    now = at(THEFT + dt.timedelta(days=1), 1)
    await caught_up(RollupFollower(pool, lambda: now))
    watches = [AnomalyWatch(pool) for _ in range(4)]
    while any(await asyncio.gather(*(watch.watch_once() for watch in watches))):
        pass
    before = await anomalies(owner)
    await judged(pool, now + dt.timedelta(hours=3))
    await judged(pool, now + dt.timedelta(days=3))
    assert await anomalies(owner) == before
    assert len(before) == 4


async def test_a_running_day_is_not_judged(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await ordinary(owner, THEFT)
    await call(owner, [at(THEFT, 9)] * 2)
    await judged(pool, at(THEFT, 23))
    assert await anomalies(owner) == {}


async def test_late_calls_make_a_finished_day_unusual(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    """Seen to fail with `JUDGED_AGAIN` of 0: the day was judged once, before its calls were settled."""
    await ordinary(owner, THEFT + dt.timedelta(days=1))
    await judged(pool, at(THEFT + dt.timedelta(days=2), 3))
    assert await anomalies(owner) == {}
    await call(owner, [at(THEFT)] * 50)
    await judged(pool, at(THEFT + dt.timedelta(days=2), 5))
    (first,) = [row for row in (await anomalies(owner)).values() if row["scope_id"] == "mia"]
    await call(owner, [at(THEFT)] * 10)
    await judged(pool, at(THEFT + dt.timedelta(days=2), 7))
    (second,) = [row for row in (await anomalies(owner)).values() if row["scope_id"] == "mia"]
    assert second["anomaly_id"] == first["anomaly_id"]
    assert second["actual_nano_credits"] * 51 == first["actual_nano_credits"] * 61


async def test_an_anomaly_that_a_correction_takes_away_is_withdrawn(
    owner: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await ordinary(owner, THEFT)
    await call(owner, [at(THEFT)])
    lost = [
        make_settlement(
            make_hold(placed_epoch_us=int(at(THEFT).timestamp() * 1e6), amount_nano_credits=10**9), input_tokens=30
        )
        for _ in range(9)
    ]
    await settle_batch(owner, [expiry(one) for one in lost])
    await judged(pool, at(THEFT + dt.timedelta(days=1), 1))
    found = await anomalies(owner)
    assert found["mia", THEFT.isoformat()]["withdraw_time"] is None
    await settle_batch(owner, lost)
    await judged(pool, at(THEFT + dt.timedelta(days=1), 3))
    later = await anomalies(owner)
    assert later.keys() == found.keys()
    assert all(row["withdraw_time"] for row in later.values())


async def test_an_hour_of_the_running_day_is_reported_at_once_and_becomes_the_day(
    owner: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await ordinary(owner, THEFT)
    await call(owner, [at(THEFT, 3)] * 60)
    await judged(pool, at(THEFT, 5))
    (((scope, day), row),) = (await anomalies(owner)).items()
    assert (scope, day, row["granularity"]) == ("mia", THEFT.isoformat(), "HOUR")
    assert (row["start_time"], row["end_time"]) == (at(THEFT, 3), at(THEFT, 4))
    await judged(pool, at(THEFT + dt.timedelta(days=1), 1))
    whole = (await anomalies(owner))["mia", THEFT.isoformat()]
    assert (whole["anomaly_id"], whole["granularity"]) == (row["anomaly_id"], "DAY")


async def test_a_false_alarm_raises_the_bar_from_then_on(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await ordinary(owner, THEFT)
    await call(owner, [at(THEFT)] * 14)
    await judged(pool, at(THEFT + dt.timedelta(days=1), 1))
    found = await anomalies(owner)
    await owner.execute(
        "INSERT INTO anomaly_verdicts (organization_id, anomaly_id, verdict, note, user_id) VALUES ('acme', $1, 'WRONG', '', 'u')",
        found["mia", THEFT.isoformat()]["anomaly_id"],
    )
    second = THEFT + dt.timedelta(days=14)
    await call(owner, [at(second)] * 14)
    await judged(pool, at(second + dt.timedelta(days=1), 1))
    later = await anomalies(owner)
    assert ("mia", second.isoformat()) not in later
    assert ("key-1", second.isoformat()) not in later


async def test_a_burst_of_a_group_is_one_alarm(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    members = [f"m{number}" for number in range(4)]
    for member in members:
        await ordinary(owner, THEFT, member, f"key-{member}")
        await call(owner, [at(THEFT)] * 30, member=member, key=f"key-{member}")
    await judged(pool, at(THEFT + dt.timedelta(days=1), 1))
    found = await anomalies(owner)
    alarms = [row["scope_id"] for row in found.values() if row["explained_by"] is None]
    assert alarms == ["vision"]
    parts = json.loads(found["vision", THEFT.isoformat()]["parts"])["members"]
    assert {name for name, *_ in parts} == set(members)


async def test_the_wall_between_organizations_holds(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('megarouter.organizations', 'acme', true)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM usage_anomalies")
