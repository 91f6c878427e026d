"""Migrations: numbered SQL files, each applied once, whichever service starts first.

Every file runs in a transaction of its own under one advisory lock. A file that changed after it was applied stops the start:
the schema would not be what the code was written for.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from gateway_core.runtime.settings import DatabaseSettings
from gateway_core.stores.postgres.connections import until_available

logger = logging.getLogger(__name__)

_LOCK_ID: Final = 0x6D656761  # "mega"


class MigrationError(Exception):
    """The database was migrated by files that differ from these."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load_migrations() -> tuple[Migration, ...]:
    """The files of `deploy/migrations`, in order."""
    folder = resources.files("deploy") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(file.name, file.read_text(encoding="utf-8")) for file in files)


async def migrate(settings: DatabaseSettings) -> None:
    """Brings the database to the newest schema.

    Raises:
        MigrationError: an applied file is missing here or has another content.
    """
    url = settings.database_url.get_secret_value()
    connection = await until_available(lambda: asyncpg.connect(url, timeout=settings.database_timeout_ms / 1_000))
    try:
        await apply_migrations(connection, load_migrations())
    finally:
        await connection.close()


async def apply_migrations(connection: asyncpg.Connection, migrations: Sequence[Migration]) -> None:
    """Applies what is not applied yet. Waits for another process that is migrating.

    Raises:
        MigrationError: see `migrate`.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_ID)
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (name text PRIMARY KEY, digest text NOT NULL, apply_time timestamptz NOT NULL DEFAULT now())"
        )
        applied = {
            row["name"]: row["digest"] for row in await connection.fetch("SELECT name, digest FROM schema_migrations")
        }
        _refuse_rewritten_history(applied, migrations)
        for migration in migrations:
            if migration.name not in applied:
                await _apply(connection, migration)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_ID)


def _refuse_rewritten_history(applied: dict[str, str], migrations: Sequence[Migration]) -> None:
    known = {migration.name: migration.digest for migration in migrations}
    for name, digest in applied.items():
        if known.get(name) != digest:
            raise MigrationError(
                f"migration {name} was applied with another content: restore it, and add a new file instead"
            )


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (name, digest) VALUES ($1, $2)", migration.name, migration.digest
        )
    logger.info("applied migration", extra={"migration": migration.name})
