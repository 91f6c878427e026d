"""Migration: each migration is applied once, roles and privileges every time, and passwords stay secret."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.programs.derived_logins import migrate_with_derived_logins
from deploy.local.programs.postgres import PostgresServer
from deploy.local.stack.database_urls import login_url
from gateway_core.schema.dump import SCHEMA_FILE, dump_schema
from gateway_core.schema.files import Migration, SchemaError, load_migrations
from gateway_core.schema.history import BeforeBaselineError
from gateway_core.schema.logins import SERVICE_URLS
from gateway_core.schema.migrate import apply_migrations, migrate
from gateway_core.schema.roles import apply_roles
from tests.contract.usage_service.audit.books import audit, broken

AUTHZ, USAGE = "megarouter_authz", "megarouter_usage"
TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


async def test_a_migrated_database_has_the_checked_in_schema(empty: asyncpg.Connection, empty_url: str) -> None:
    """If this fails, run `python -m gateway_core.schema dump` and review the difference."""
    await migrate(empty, {})
    assert dump_schema(empty_url) == SCHEMA_FILE.read_text(encoding="utf-8")


async def test_each_migration_is_applied_once(empty: asyncpg.Connection) -> None:
    assert await migrate(empty, {}) == load_migrations()
    assert await migrate(empty, {}) == ()
    assert await empty.fetchval("SELECT count(*) FROM schema_migrations") == len(load_migrations())


async def test_processes_that_migrate_at_the_same_time_wait_for_each_other(
    empty: asyncpg.Connection, empty_url: str
) -> None:
    other = await asyncpg.connect(empty_url)
    applied = await asyncio.gather(migrate(empty, {}), migrate(other, {}))
    await other.close()
    assert sorted(map(len, applied)) == [0, len(load_migrations())]


async def test_databases_of_one_server_can_be_migrated_concurrently(
    empty: asyncpg.Connection, empty_url: str, owner: asyncpg.Connection, database_url: str
) -> None:
    """The databases share the roles. Seen to fail without the second attempt, when both set a password."""
    for _ in range(5):
        await asyncio.gather(
            migrate_with_derived_logins(empty, empty_url), migrate_with_derived_logins(owner, database_url)
        )


async def test_a_migration_that_fails_leaves_nothing_behind(empty: asyncpg.Connection) -> None:
    half = Migration("0002_half.sql", "CREATE TABLE half (id integer); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await apply_migrations(empty, [*load_migrations(), half])
    assert await empty.fetchval("SELECT to_regclass('half') IS NULL")
    assert await apply_migrations(empty, load_migrations()) == ()


async def test_a_database_with_a_changed_migration_is_not_touched(owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE schema_migrations SET digest = 'another'")
    with pytest.raises(SchemaError, match="applied with other content"):
        await migrate(owner, {})


async def test_a_database_from_before_the_baseline_is_not_touched(empty: asyncpg.Connection) -> None:
    await empty.execute("CREATE TABLE schema_migrations (name text PRIMARY KEY, digest text NOT NULL)")
    await empty.execute("INSERT INTO schema_migrations VALUES ('0001_identity.sql', 'any')")
    with pytest.raises(BeforeBaselineError):
        await migrate(empty, {})
    assert await empty.fetchval(TABLES) == 1


async def test_manual_grants_are_revoked(owner: asyncpg.Connection, database_url: str, roles_restored: None) -> None:
    for statement in (
        "GRANT SELECT, UPDATE ON users TO megarouter_usage",
        "GRANT UPDATE (amount_nano_credits) ON holds TO megarouter_authz",
        "GRANT EXECUTE ON FUNCTION identity_of_key TO PUBLIC",
        "GRANT CREATE ON SCHEMA public TO megarouter_admin",
        "REVOKE INSERT ON holds FROM megarouter_authz",
        "GRANT megarouter TO megarouter_admin",
        "ALTER ROLE megarouter_usage SUPERUSER CREATEROLE INHERIT",
    ):
        await owner.execute(statement)
    assert {"least-rights", "roles-confined"} <= broken(await audit(database_url)).keys()
    await migrate(owner, {})
    assert broken(await audit(database_url)) == {}


async def test_a_service_logs_in_only_with_its_password(
    owner: asyncpg.Connection, database_url: str, roles_restored: None
) -> None:
    before = login_url(database_url, AUTHZ)
    await migrate(owner, {AUTHZ: "a new pass-word/%"})
    parts = urlsplit(database_url)
    connection = await asyncpg.connect(
        host=parts.hostname, port=parts.port, database=parts.path[1:], user=AUTHZ, password="a new pass-word/%"
    )
    assert await connection.fetchval("SELECT session_user") == AUTHZ
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(before)


async def test_a_role_without_a_new_password_keeps_the_old_one(
    owner: asyncpg.Connection, database_url: str, roles_restored: None
) -> None:
    await migrate(owner, {AUTHZ: "another"})
    connection = await asyncpg.connect(login_url(database_url, USAGE))
    await connection.close()


async def test_no_password_reaches_the_servers_log(
    owner: asyncpg.Connection, postgres_server: PostgresServer, roles_restored: None
) -> None:
    """Seen to fail with the plain password in the statement."""
    await owner.execute("SET log_statement = 'all'")
    await apply_roles(owner, dict.fromkeys(SERVICE_URLS, "canary-password"))
    log = (postgres_server.directory / "postgres.log").read_text(encoding="utf-8")
    assert "ALTER ROLE megarouter_authz PASSWORD 'SCRAM-SHA-256$" in log
    assert "canary-password" not in log


async def test_an_unusable_password_is_reported_with_its_variable(owner: asyncpg.Connection) -> None:
    with pytest.raises(SchemaError, match=r"MEGAROUTER_AUTHZ_DATABASE_URL: a password must") as caught:
        await apply_roles(owner, {AUTHZ: "pässword"})
    assert "pässword" not in str(caught.value)


async def test_a_service_sees_the_last_migration_only_with_its_rights(
    empty: asyncpg.Connection, empty_url: str
) -> None:
    """A service starts when it sees the last migration. Seen to fail with the rights set in a transaction of their own."""
    service, last = await asyncpg.connect(empty_url), load_migrations()[-1].name
    seen: list[int] = []

    async def finish() -> None:
        seen.append(await service.fetchval("SELECT count(*) FROM schema_migrations WHERE name = $1", last))

    await apply_migrations(empty, load_migrations(), finish)
    assert await service.fetchval("SELECT count(*) FROM schema_migrations WHERE name = $1", last) == 1
    await service.close()
    assert seen == [0]
