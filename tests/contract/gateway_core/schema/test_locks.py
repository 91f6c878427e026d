"""A migration waits for locks in short tries, so that the statements of services do not queue behind it."""

import asyncio
import time

import asyncpg
import pytest

from gateway_core.schema.files import Migration, SchemaError, load_migrations
from gateway_core.schema.migrate import LockTries, apply_migrations

NEXT = Migration("9999_next.sql", "CREATE TABLE half (id integer); ALTER TABLE holds ADD COLUMN note text;")
HELD_S = 3.0
TRIES = LockTries(attempts=30, timeout_ms=100, pause_s=0.3)
READ = "SELECT count(*) FROM holds"


async def test_statements_go_on_while_a_migration_waits_for_a_long_transaction(
    owner: asyncpg.Connection, database_url: str
) -> None:
    """Seen to fail without `lock_timeout`: the read waited as long as the long transaction lasted."""
    long, service = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    transaction = long.transaction()
    await transaction.start()
    await long.execute(READ)
    migrating = asyncio.create_task(apply_migrations(owner, [*load_migrations(), NEXT], tries=TRIES))
    longest_s, ended = 0.0, time.monotonic() + HELD_S
    while time.monotonic() < ended:
        started = time.monotonic()
        await service.execute(READ, timeout=HELD_S)
        longest_s = max(longest_s, time.monotonic() - started)
        await asyncio.sleep(0.01)
    assert not migrating.done()
    assert longest_s < HELD_S / 3
    await transaction.rollback()
    assert await asyncio.wait_for(migrating, 30) == (NEXT,)
    await long.close()
    await service.close()


async def test_a_migration_that_never_gets_its_lock_says_what_to_do_and_changes_nothing(
    owner: asyncpg.Connection, database_url: str
) -> None:
    long = await asyncpg.connect(database_url)
    async with long.transaction():
        await long.execute(READ)
        with pytest.raises(SchemaError, match=r"9999_next.sql: another transaction held a lock .* each of 2 tries"):
            await apply_migrations(
                owner, [*load_migrations(), NEXT], tries=LockTries(attempts=2, timeout_ms=50, pause_s=0.01)
            )
    await long.close()
    assert await owner.fetchval("SELECT to_regclass('half') IS NULL")
    assert await owner.fetchval("SHOW lock_timeout") == "0"
