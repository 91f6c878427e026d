"""Migrates data of the first release to the current schema."""

from pathlib import Path

import asyncpg

from gateway_core.schema.files import load_migrations
from gateway_core.schema.migrate import apply_migrations, migrate
from tests.contract.usage_service.audit.books import audit, broken

BOOKS = Path(__file__).with_name("books_at_baseline.sql")
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    tables = [row[0] for row in await connection.fetch(TABLES)]
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


async def test_rows_of_the_first_release_survive_every_later_migration(
    empty: asyncpg.Connection, empty_url: str
) -> None:
    await apply_migrations(empty, load_migrations()[:1])
    # Like restoring a backup: the rows already contain what triggers would write.
    await empty.execute("SET session_replication_role = replica")
    await empty.execute(BOOKS.read_text(encoding="utf-8"))
    await empty.execute("RESET ALL")
    before = await counts(empty)
    assert [table for table, count in before.items() if count == 0] == []
    await migrate(empty, {})
    after = await counts(empty)
    assert {table: after.get(table) for table in before if table != "schema_migrations"} == {
        table: count for table, count in before.items() if table != "schema_migrations"
    }
    report = await audit(empty_url)
    assert broken(report) == {}
    assert report.figures.record_count == before["usage_records"]
