"""Names stay known after renames, moves and deletions."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import asyncpg
import pytest

from admin_service.analytics.names import UsageName, names_of
from admin_service.analytics.query import Dimension
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import acting_for

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, "megarouter_admin"), min_size=1, max_size=1) as pool:
        yield pool


@pytest.fixture
async def acme(owner: asyncpg.Connection) -> None:
    await owner.execute(
        """
        INSERT INTO organizations (organization_id, display_name) VALUES ('acme', 'Acme');
        INSERT INTO groups (organization_id, group_id, path, display_name)
            VALUES ('acme', 'a', '{a}', 'Group A'), ('acme', 'b', '{b}', 'B');
        INSERT INTO users (user_id, email, display_name) VALUES ('mia', 'mia@acme.test', '');
        INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ('acme', 'mia', 'mia', 'a', 'MEMBER');
        INSERT INTO members (organization_id, member_id, display_name, role) VALUES ('acme', 'sa-x', 'Robot', 'MEMBER');
        INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)
        VALUES ('acme', 'k', 'mia', 'My key', decode(repeat('00', 32), 'hex'), 'x');
        """
    )


async def name(pool: asyncpg.Pool, dimension: Dimension, of_id: str, at: dt.datetime | None = None) -> UsageName:
    async with acting_for(pool, "acme") as connection:
        moment = at or await connection.fetchval("SELECT clock_timestamp()")
        return (await names_of(connection, "acme", dimension, [of_id, "unknown"], moment))[of_id]


async def test_names_follow_every_writer(acme: None, owner: asyncpg.Connection, reading: asyncpg.Pool) -> None:
    assert await name(reading, Dimension.MEMBER, "mia") == UsageName("mia@acme.test", ("a",), is_deleted=False)
    assert await name(reading, Dimension.MEMBER, "sa-x") == UsageName("Robot", (), is_deleted=False)
    before = await owner.fetchval("SELECT clock_timestamp()")
    await owner.execute("UPDATE users SET display_name = 'Mia 🎉 مرحبا' WHERE user_id = 'mia'")
    await owner.execute("UPDATE members SET group_id = 'b' WHERE member_id = 'mia'")
    await owner.execute("UPDATE groups SET display_name = 'Group Alpha', delete_time = now() WHERE group_id = 'a'")
    await owner.execute("UPDATE api_keys SET display_name = 'Old key', state = 'DELETED' WHERE api_key_id = 'k'")
    await owner.execute("UPDATE members SET state = 'REMOVED' WHERE member_id = 'mia'")
    assert await name(reading, Dimension.MEMBER, "mia") == UsageName("Mia 🎉 مرحبا", ("b",), is_deleted=True)
    assert await name(reading, Dimension.GROUP_LEVEL_1, "a") == UsageName("Group Alpha", ("a",), is_deleted=True)
    assert await name(reading, Dimension.API_KEY, "k") == UsageName("Old key", ("b",), is_deleted=True)
    assert await name(reading, Dimension.MEMBER, "mia", before) == UsageName("mia@acme.test", ("a",), is_deleted=False)
    assert await name(reading, Dimension.API_KEY, "k", LONG_AGO) == UsageName("My key", ("a",), is_deleted=False)


async def test_a_change_of_anything_else_adds_no_name(acme: None, owner: asyncpg.Connection) -> None:
    names = "SELECT count(*) FROM usage_names"
    before = await owner.fetchval(names)
    await owner.execute("UPDATE api_keys SET expire_time = now() + interval '1 day'")
    await owner.execute("UPDATE members SET state = 'SUSPENDED'")
    await owner.execute("UPDATE users SET email = email")
    assert await owner.fetchval(names) == before


async def test_concurrent_renames_leave_one_present_name(
    acme: None, owner: asyncpg.Connection, database_url: str
) -> None:
    async def rename(number: int) -> None:
        connection = await asyncpg.connect(database_url)
        for turn in range(10):
            if number % 2:
                await connection.execute("UPDATE users SET display_name = $1", f"Mia {number} {turn}")
            else:
                await connection.execute("UPDATE members SET group_id = $1 WHERE user_id IS NOT NULL", "ab"[turn % 2])
        await connection.close()

    await asyncio.gather(*(rename(number) for number in range(4)))
    present = await owner.fetch("SELECT * FROM usage_names WHERE id = 'mia' AND valid_to IS NULL")
    assert len(present) == 1
    assert not await owner.fetch(
        "SELECT FROM usage_names one JOIN usage_names other USING (organization_id, kind, id)"
        " WHERE one.valid_from < other.valid_from AND one.valid_to > other.valid_from"
    )
