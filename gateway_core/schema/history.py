"""The migrations recorded in a database, compared with those of this release."""

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from gateway_core.schema.files import Migration, SchemaError

COMMAND: Final = "python -m gateway_core.schema migrate"
EXIT_BEFORE_BASELINE: Final = 3
"""The exit status of the command for a database that was created before the baseline."""

_FIRST_BEFORE_BASELINE: Final = "0001_identity.sql"


class BeforeBaselineError(SchemaError):
    """The database was created before the baseline and cannot be migrated."""


async def read_applied(connection: asyncpg.Connection) -> dict[str, str] | None:
    """Returns the digests of the applied migrations by name; None for a database without a schema."""
    if await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NULL"):
        return None
    return {row["name"]: row["digest"] for row in await connection.fetch("SELECT name, digest FROM schema_migrations")}


def missing(applied: Mapping[str, str], migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Returns the migrations that must still be applied.

    Raises:
        BeforeBaselineError: the database was created before the baseline.
        SchemaError: a newer release migrated the database, or the content of a migration differs.
    """
    if _FIRST_BEFORE_BASELINE in applied:
        raise BeforeBaselineError(
            "the database was created by a release before 0001_baseline.sql and cannot be migrated: start with an empty one"
        )
    known = {migration.name: migration.digest for migration in migrations}
    unknown = sorted(applied.keys() - known.keys())
    if unknown:
        raise SchemaError(f"the database was migrated by a newer release ({', '.join(unknown)}): run that release")
    for name, digest in applied.items():
        if known[name] != digest:
            raise SchemaError(f"the migration {name} was applied with other content: use the release that applied it")
    return tuple(migration for migration in migrations if migration.name not in applied)
