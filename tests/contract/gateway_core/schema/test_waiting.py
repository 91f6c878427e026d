"""A service starts only on the schema of its release and with its own role. Otherwise its error says what to do."""

import asyncio
import os
import sys
import time

import asyncpg
import pytest
from pydantic import SecretStr

from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.stack.database_urls import login_url
from deploy.local.stack.environment import inherited
from gateway_core.runtime.settings import StartRefusedError, UsageSettings
from gateway_core.schema.files import load_migrations
from gateway_core.schema.migrate import apply_migrations
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.migrations import until_migrated
from tests.contract.usage_service.settlement_cases import ROLE, SIGNING_KEY, make_settings

NEWER = "INSERT INTO schema_migrations (name, digest) VALUES ('9999_later.sql', 'any')"


def settings_for(url: str, wait_ms: int = 300) -> UsageSettings:
    return make_settings(url, "redis://unused", schema_wait_ms=wait_ms)


async def test_a_migrated_database_is_accepted_immediately(database_url: str) -> None:
    started = time.monotonic()
    await until_migrated(settings_for(database_url, wait_ms=60_000))
    assert time.monotonic() - started < 30


async def test_a_service_waits_while_the_database_is_being_migrated(empty: asyncpg.Connection, empty_url: str) -> None:
    waiting = asyncio.create_task(until_migrated(settings_for(empty_url, wait_ms=60_000)))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await empty.execute("SET scram_iterations = 1")
    await migrate_with_derived_logins(empty, empty_url)
    await asyncio.wait_for(waiting, 30)


async def test_a_database_without_a_schema_is_refused_after_a_while(empty_url: str) -> None:
    with pytest.raises(StartRefusedError, match=r"no schema yet: run `python -m gateway_core.schema migrate`"):
        await until_migrated(settings_for(empty_url))


async def test_a_failing_login_is_reported_after_a_while_without_its_password(database_url: str) -> None:
    wrong = settings_for(database_url).model_copy(
        update={"usage_database_url": SecretStr(database_url.replace("megarouter:", "megarouter_usage:", 1))}
    )
    with pytest.raises(StartRefusedError, match="cannot log in to the database yet") as caught:
        await until_migrated(wrong)
    assert database_url.split("@", maxsplit=1)[0].rpartition(":")[2] not in str(caught.value)


async def test_a_database_without_the_newest_migration_is_refused_after_a_while(
    owner: asyncpg.Connection, database_url: str
) -> None:
    await owner.execute("DELETE FROM schema_migrations WHERE name = $1", load_migrations()[-1].name)
    with pytest.raises(StartRefusedError, match=f"lacks the migration {load_migrations()[-1].name}"):
        await until_migrated(settings_for(database_url))


async def test_a_service_starts_on_a_database_of_a_newer_release(owner: asyncpg.Connection, database_url: str) -> None:
    """Replicas of the previous release can then restart during a rollout, and a rollout can be undone."""
    await owner.execute(NEWER)
    await until_migrated(settings_for(database_url, wait_ms=1))


async def test_a_database_from_before_the_baseline_is_refused_immediately(
    empty: asyncpg.Connection, empty_url: str
) -> None:
    await apply_migrations(empty, load_migrations())
    await empty.execute("GRANT SELECT ON schema_migrations TO megarouter_usage")
    await empty.execute("INSERT INTO schema_migrations (name, digest) VALUES ('0001_identity.sql', 'any')")
    with pytest.raises(StartRefusedError, match="start with an empty one"):
        await until_migrated(settings_for(empty_url, wait_ms=60_000))


async def test_a_service_that_would_log_in_as_the_owner_is_refused(database_url: str) -> None:
    settings = settings_for(database_url).model_copy(update={"usage_database_url": SecretStr(database_url)})
    with pytest.raises(
        StartRefusedError, match="logs in as megarouter, but this service must log in as megarouter_usage"
    ):
        async with open_pool(settings, ROLE):
            pass


async def test_a_service_that_cannot_start_prints_one_sentence(empty_url: str) -> None:
    environment = {
        **inherited(os.environ),
        "MEGAROUTER_LISTEN": "127.0.0.1:0",
        "MEGAROUTER_USAGE_DATABASE_URL": login_url(empty_url, ROLE),
        "MEGAROUTER_REDIS_URL": "redis://127.0.0.1:1",
        "MEGAROUTER_HOLD_SIGNING_KEY": SIGNING_KEY.hex(),
        "MEGAROUTER_JOURNAL_FILE": "/nonexistent/usage.log",
        "MEGAROUTER_SCHEMA_WAIT_MS": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "usage_service", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"the service cannot start: the database has no schema yet" in errors
    assert b"Traceback" not in errors
