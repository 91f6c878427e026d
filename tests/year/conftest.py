"""Loads the year once. Every test has a copy of it."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from admin_service.demo.content import ORGANIZATION
from deploy.local.cli.demo_data import CALLS_OF_A_YEAR, YEAR_DAYS
from deploy.local.demo_data.load import Plan, load
from deploy.local.stack.database_urls import login_url
from tests.contract.conftest import Databases, databases, postgres_server, template_database
from tests.contract.deploy.local.demo_data.test_load import prepare
from tests.support.usage.questions import Subjects
from usage_service.rollups.follower import RollupFollower, caught_up

__all__ = ["databases", "postgres_server", "template_database"]

END = dt.date(2026, 11, 2)


async def rolled_up(url: str) -> None:
    """Brings the rollups to the end of the ledger."""
    async with asyncpg.create_pool(login_url(url, "megarouter_usage"), min_size=1, max_size=3) as pool:
        await caught_up(RollupFollower(pool))


@pytest.fixture(scope="session")
async def year(databases: Databases, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns the name of a database with the year, and with its rollups."""
    url = await databases.take(template_database)
    owner = await prepare(url, Path(tmp_path_factory.mktemp("year")))
    summary = await load(owner, Plan(END, YEAR_DAYS, CALLS_OF_A_YEAR))
    assert summary.calls > CALLS_OF_A_YEAR
    await owner.close()
    await rolled_up(url)
    return urlsplit(url).path[1:]


@pytest.fixture
async def year_url(databases: Databases, year: str) -> AsyncIterator[str]:
    url = await databases.take(year)
    yield url
    databases.give_back(url)


@pytest.fixture
async def owner(year_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(year_url)
    yield connection
    await connection.close()


@pytest.fixture
async def reading(year_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(year_url, "megarouter_admin"), min_size=1, max_size=3) as pool:
        yield pool


@pytest.fixture
async def subjects(owner: asyncpg.Connection) -> Subjects:
    """Returns everything that the records name, and something unknown."""

    async def named(column: str) -> list[str]:
        rows = await owner.fetch(f"SELECT DISTINCT {column} AS name FROM usage_records WHERE {column} <> ''")  # noqa: S608
        return sorted(row["name"] for row in rows)

    tags = await owner.fetch(
        "SELECT DISTINCT key, value FROM usage_records CROSS JOIN LATERAL jsonb_each_text(tags) ORDER BY 1, 2"
    )
    groups = await owner.fetch("SELECT group_id FROM groups WHERE organization_id = $1 ORDER BY 1", ORGANIZATION)
    return Subjects(
        organization=ORGANIZATION,
        start=dt.datetime.combine(END - dt.timedelta(days=YEAR_DAYS), dt.time(), dt.UTC),
        end=dt.datetime.combine(END, dt.time(), dt.UTC),
        groups=[row["group_id"] for row in groups],
        members=await named("member_id"),
        api_keys=await named("api_key_id"),
        models=[*await named("requested_model"), "unknown"],
        providers=await named("provider_id"),
        endpoints=await named("endpoint"),
        tags=[("project", "unknown"), *((row["key"], row["value"]) for row in tags)],
    )
