"""Many organizations are followed together. None of them waits for another one's failure, or for another one's past hours."""

import datetime as dt
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from tests.contract.usage_service.audit.books import audit
from tests.contract.usage_service.settlement_cases import ROLE, prepare
from tests.support.usage.histories import UsageHistory, some_places
from usage_service.rollups import follower as rollup_follower
from usage_service.rollups.follower import RollupFollower, caught_up

NAMES = [f"org-{number:02}" for number in range(12)]
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe")
NOW = dt.datetime(2026, 3, 22, 12, 30, tzinfo=dt.UTC)
IN_STEP = """
SELECT count(*) FROM usage_rollups r JOIN ledger_heads h USING (organization_id) WHERE r.sequence = h.sequence
"""
TRANSACTIONS = "SELECT count(DISTINCT xmin::text) FROM usage_rollups"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as made:
        yield made


def histories(start: dt.datetime) -> list[UsageHistory]:
    """Returns the calls of every organization in two hours from an instant."""
    return [
        UsageHistory(random.Random(number), some_places(), start, start + dt.timedelta(hours=2), name)
        for number, name in enumerate(NAMES)
    ]


async def followed(owner: asyncpg.Connection, pool: asyncpg.Pool) -> RollupFollower:
    """Creates organizations whose hours are in their days until the present hour, and returns their follower."""
    await prepare(owner, *NAMES)
    for number, name in enumerate(NAMES):
        zone = ZONES[number % len(ZONES)]
        await owner.execute("UPDATE organizations SET time_zone = $2 WHERE organization_id = $1", name, zone)
    follower = RollupFollower(pool, lambda: NOW)
    await caught_up(follower)
    return follower


async def rollup_faults(database_url: str) -> list[str]:
    findings = (await audit(database_url)).findings
    return [
        f"{finding.name}: {finding.breaches}"
        for finding in findings
        if finding.name.startswith("rollup") and finding.breaches
    ]


async def test_calls_of_many_organizations_are_added_in_one_transaction(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    follower = await followed(owner, pool)
    for past in histories(NOW):
        await past.settle(owner, 8)
    # Some have calls of hours that are in their days already.
    for past in histories(NOW - dt.timedelta(days=1))[::3]:
        await past.settle(owner, 8)
    await follower.follow_once()
    assert await owner.fetchval(IN_STEP) == len(NAMES)
    assert await owner.fetchval(TRANSACTIONS) == 1
    assert await owner.fetchval("SELECT count(DISTINCT organization_id) FROM usage_tag_days") == len(NAMES)
    assert await rollup_faults(database_url) == []


async def test_an_organization_that_fails_stops_no_other(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str
) -> None:
    follower = await followed(owner, pool)
    for past in histories(NOW):
        await past.settle(owner, 4)
    await owner.execute("ALTER TABLE usage_hours ADD CONSTRAINT broken CHECK (organization_id <> 'org-05') NOT VALID")
    await follower.follow_once()
    assert await owner.fetchval(IN_STEP) == len(NAMES) - 1
    await owner.execute("ALTER TABLE usage_hours DROP CONSTRAINT broken")
    assert not await follower.follow_changed(), "whoever failed has the next turn"
    assert await owner.fetchval(IN_STEP) == len(NAMES)
    assert await rollup_faults(database_url) == []


async def test_new_calls_do_not_wait_until_the_hours_of_everyone_are_closed(
    owner: asyncpg.Connection, pool: asyncpg.Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = NOW
    await followed(owner, pool)
    follower = RollupFollower(pool, lambda: now)
    for past in histories(NOW):
        await past.settle(owner, 4)
    now = NOW + dt.timedelta(hours=5)
    monkeypatch.setattr(rollup_follower, "_CLOSING_S", 0.0)
    assert await follower.follow_once(), "there are hours to close"
    assert await owner.fetchval(IN_STEP) == len(NAMES)
    assert await owner.fetchval("SELECT count(*) FROM usage_rollups WHERE days_until > $1", NOW) == 0
    monkeypatch.undo()
    await caught_up(follower)
    assert await owner.fetchval("SELECT count(*) FROM usage_rollups WHERE days_until > $1", NOW) == len(NAMES)
    assert await rollup_faults(database_url) == []
