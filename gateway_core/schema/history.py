"""What a database says about the migrations that were applied to it, compared with those of this release."""

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from gateway_core.schema.files import Migration, SchemaError

COMMAND: Final = "python -m gateway_core.schema migrate"
_FIRST_BEFORE_BASELINE: Final = "0001_identity.sql"


class BeforeBaselineError(SchemaError):
    """The database was made before the baseline and cannot be brought up."""


async def read_applied(connection: asyncpg.Connection) -> dict[str, str] | None:
    """Returns the digests of the applied migrations by name; None for a database without a schema."""
    if await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NULL"):
        return None
    return {row["name"]: row["digest"] for row in await connection.fetch("SELECT name, digest FROM schema_migrations")}


def missing(applied: Mapping[str, str], migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Returns what must still be applied. Migrations of a newer release are not looked at.

    Raises:
        BeforeBaselineError: the database was made before the baseline.
        SchemaError: it was migrated by other files than these.
    """
    if _FIRST_BEFORE_BASELINE in applied:
        raise BeforeBaselineError(
            "the database was made by a release before 0001_baseline.sql and cannot be migrated: start with an empty one"
        )
    known = {migration.name: migration.digest for migration in migrations}
    for name, digest in applied.items():
        if known.get(name, digest) != digest:
            raise SchemaError(f"the migration {name} was applied with other content: use the release that applied it")
    return tuple(migration for migration in migrations if migration.name not in applied)


def require_no_newer(applied: Mapping[str, str], migrations: Sequence[Migration]) -> None:
    """Refuses to migrate with an older release than the database has: its roles and rights would be older, too.

    Services of an older release do run on a newer schema: a migration adds and does not remove, so that a release can be rolled
    out and rolled back.

    Raises:
        SchemaError: a newer release migrated the database.
    """
    unknown = sorted(applied.keys() - {migration.name for migration in migrations})
    if unknown:
        raise SchemaError(f"the database was migrated by a newer release ({', '.join(unknown)}): run that release")
