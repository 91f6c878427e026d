"""Migrates a database to the newest schema, then sets roles and rights. The owner runs this once for each release."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.schema.files import Migration, SchemaError, load_migrations
from gateway_core.schema.history import missing, read_applied, require_no_newer
from gateway_core.schema.roles import apply_roles

logger = logging.getLogger(__name__)

_LOCK_ID: Final = 0x6D656761  # "mega"
_ROLE_ATTEMPTS: Final = 5


@dataclass(frozen=True)
class LockTries:
    """How often and how long a migration waits for a lock that another transaction holds.

    Statements of services queue behind a migration that waits for a table, even those that could run beside the transaction
    that holds it. So each try is short, and services catch up in the pause after it.
    """

    attempts: int = 240
    timeout_ms: int = 500
    """Below PostgreSQL's `deadlock_timeout`, so that a deadlock ends the migration's try and no statement of a service."""
    pause_s: float = 2.0


_LOCK_TRIES: Final = LockTries()


async def migrate(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> tuple[Migration, ...]:
    """Applies the missing migrations, then sets roles, rights and passwords. Waits for a concurrent migration.

    Args:
        connection: of the owner.
        passwords: by role. Other roles keep their passwords.

    Returns:
        The migrations that this call applied.

    Raises:
        SchemaError: the database was migrated with other content or by a newer release, or a password cannot be used.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_ID)
    try:
        applied = await apply_migrations(connection, load_migrations(), lambda: _apply_roles(connection, passwords))
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_ID)
    return applied


async def _nothing() -> None:
    return


async def apply_migrations(
    connection: asyncpg.Connection,
    migrations: Sequence[Migration],
    finish: Callable[[], Awaitable[None]] = _nothing,
    tries: LockTries = _LOCK_TRIES,
) -> tuple[Migration, ...]:
    """Applies the missing migrations, each in its own transaction, and returns them.

    Args:
        connection: of the owner.
        migrations: all that the database must have.
        finish: called in the transaction of the last one, because a service starts when it sees that one. It would have no
            rights yet if they were set afterwards.
        tries: to get the locks of each migration.

    Raises:
        SchemaError: the database was migrated by other files, or another transaction held a lock during all tries.
    """
    applied = await read_applied(connection) or {}
    wanted = missing(applied, migrations)
    require_no_newer(applied, migrations)
    for migration in wanted:
        await _apply(connection, migration, finish if migration is wanted[-1] else _nothing, tries)
        logger.info("applied migration", extra={"migration": migration.name})
    if not wanted:
        await finish()
    return wanted


async def _apply(
    connection: asyncpg.Connection, migration: Migration, finish: Callable[[], Awaitable[None]], tries: LockTries
) -> None:
    """Applies a migration in one transaction. If a lock is not free in time, undoes it, pauses and tries again."""
    for attempt in range(1, tries.attempts + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {tries.timeout_ms}")
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, digest) VALUES ($1, $2)", migration.name, migration.digest
                )
                await finish()
                return
        except asyncpg.LockNotAvailableError as error:
            if attempt == tries.attempts:
                raise SchemaError(
                    f"{migration.name}: another transaction held a lock that it needs, in each of {attempt} tries ({error})."
                    " Nothing of this migration was changed. End the transactions with the oldest xact_start in"
                    " pg_stat_activity, and migrate again"
                ) from None
            logger.warning(
                "%s needs a lock that another transaction holds; trying again after try %d of %d",
                *(migration.name, attempt, tries.attempts),
            )
        await asyncio.sleep(tries.pause_s)


async def _apply_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """Sets the roles, and tries again if another database's migration changes them concurrently.

    Roles belong to the whole server, but the advisory lock covers only this database. If two migrations change the same roles,
    PostgreSQL makes one of them fail.
    """
    for attempt in range(1, _ROLE_ATTEMPTS + 1):
        try:
            return await apply_roles(connection, passwords)
        except (asyncpg.InternalServerError, asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError) as error:
            if attempt == _ROLE_ATTEMPTS:
                raise
            logger.info("another migration is changing the roles; trying again", extra={"error": type(error).__name__})
    raise AssertionError("unreachable")
