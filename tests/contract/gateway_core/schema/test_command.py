"""The command `python -m gateway_core.schema`, as a deployment runs it."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from deploy.local.process.children import StartError
from deploy.local.programs.migration import migrate_database
from deploy.local.stack.database_urls import service_database_urls
from deploy.local.stack.environment import inherited
from deploy.local.stack.layout import Home, make_home
from gateway_core.schema.files import EXIT_BEFORE_BASELINE, EXIT_NEWER_RELEASE, load_migrations

OWNER = "MEGAROUTER_DATABASE_URL"
BEFORE_BASELINE = """
CREATE TABLE schema_migrations (name text, digest text);
INSERT INTO schema_migrations VALUES ('0001_identity.sql', '');
"""


async def run(*arguments: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway_core.schema", *arguments, env={**inherited(os.environ), **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_the_command_migrates_and_prints_what_it_applied(empty_url: str) -> None:
    environment = {OWNER: empty_url, **service_database_urls(empty_url, {})}
    names = ", ".join(migration.name for migration in load_migrations())
    assert await run("migrate", **environment) == (0, f"applied {names}; set roles and rights\n")
    assert await run("migrate", **environment) == (0, "no migration to apply; set roles and rights\n")


async def test_help_names_every_variable_and_status() -> None:
    status, text = await run("migrate", "--help")
    assert status == 0
    for word in (OWNER, "MEGAROUTER_ADMIN_DATABASE_URL", "--wait-s", f"{EXIT_BEFORE_BASELINE} the database"):
        assert word in " ".join(text.split())


NOT_A_URL = (
    "schema: MEGAROUTER_DATABASE_URL is not a PostgreSQL URL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE\n"
)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "schema: set MEGAROUTER_DATABASE_URL\n"),
        ({OWNER: "mysql://me:secret@db/x"}, NOT_A_URL),
        ({OWNER: "postgresql://me:a:secret@:x/y"}, NOT_A_URL),
        (
            {OWNER: "postgresql://me:secret@127.0.0.1:1/x", "MEGAROUTER_AUTHZ_DATABASE_URL": "postgresql://me:secret@h/x"},
            "schema: MEGAROUTER_AUTHZ_DATABASE_URL must log in as megarouter_authz\n",
        ),
    ],
)  # fmt: skip
async def test_an_unusable_variable_is_named_without_its_value(environment: dict[str, str], reason: str) -> None:
    assert await run("migrate", **environment) == (1, reason)


async def test_the_command_waits_for_a_server_as_long_as_requested() -> None:
    status, text = await run("migrate", "--wait-s", "0.2", **{OWNER: "postgresql://me:secret@127.0.0.1:1/x"})
    assert status == 1
    assert text.startswith("schema: ConnectionRefusedError")
    assert "secret" not in text


async def test_a_wrong_password_is_reported_immediately(empty_url: str) -> None:
    status, text = await run("migrate", **{OWNER: empty_url.replace("megarouter:", "megarouter:wrong-", 1)})
    assert (status, text) == (1, 'schema: InvalidPasswordError: password authentication failed for user "megarouter"\n')


async def test_a_database_from_before_the_baseline_has_its_own_exit_status(
    empty: asyncpg.Connection, empty_url: str
) -> None:
    await empty.execute(BEFORE_BASELINE)
    status, text = await run("migrate", **{OWNER: empty_url})
    assert (status, "cannot be migrated: start with an empty one" in text) == (EXIT_BEFORE_BASELINE, True)


async def test_the_runner_refuses_a_home_from_before_the_baseline_with_a_remedy(
    empty: asyncpg.Connection, empty_url: str, tmp_path: Path
) -> None:
    await empty.execute(BEFORE_BASELINE)
    home = Home(tmp_path / "home")
    make_home(home)
    with pytest.raises(StartError, match=r"run `./dev down`, then remove that directory, or choose another --home"):
        await migrate_database(home, {**inherited(os.environ), OWNER: empty_url})


async def test_a_database_of_a_newer_release_is_refused_with_a_remedy_and_left_alone(
    empty: asyncpg.Connection, empty_url: str, tmp_path: Path
) -> None:
    """Seen to fail with the status of every other failure: `./dev up` printed the log of all former runs."""
    environment = {OWNER: empty_url, **service_database_urls(empty_url, {})}
    assert (await run("migrate", **environment))[0] == 0
    await empty.execute("INSERT INTO schema_migrations (name, digest) VALUES ('9999_future.sql', '')")
    await empty.execute("GRANT DELETE ON usage_records TO megarouter_authz")
    status, text = await run("migrate", **environment)
    assert (status, "start its services without this command" in text) == (EXIT_NEWER_RELEASE, True)
    home = Home(tmp_path / "home")
    make_home(home)
    with pytest.raises(StartError, match=r"start that release, or choose another --home"):
        await migrate_database(home, {**inherited(os.environ), **environment})
    assert await empty.fetchval("SELECT has_table_privilege('megarouter_authz', 'usage_records', 'DELETE')")


async def test_a_dump_of_a_database_that_is_not_migrated_is_refused(empty_url: str) -> None:
    status, text = await run("dump", **{OWNER: empty_url})
    assert (status, text) == (1, "schema: the database lacks 0001_baseline.sql: migrate it first\n")
