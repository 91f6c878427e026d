"""Compares the migrations that a database has recorded with those of this release."""

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from gateway_core.schema.files import Migration, SchemaError

COMMAND: Final = "python -m gateway_core.schema migrate"
_FIRST_BEFORE_BASELINE: Final = "0001_identity.sql"


class NewerReleaseError(SchemaError):
    """A newer release migrated the database, so only that release may migrate it."""


class BeforeBaselineError(SchemaError):
    """A release before the baseline made the database, so it cannot be migrated."""


async def read_applied(connection: asyncpg.Connection) -> dict[str, str] | None:
    """Returns the digests of the applied migrations by name, or None if the database has no schema yet."""
    if await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NULL"):
        return None
    return {row["name"]: row["digest"] for row in await connection.fetch("SELECT name, digest FROM schema_migrations")}


def missing(applied: Mapping[str, str], migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """Returns the migrations that must still be applied. Ignores migrations of a newer release.

    Args:
        applied: digests by name, as returned by `read_applied`.
        migrations: of this release.

    Raises:
        BeforeBaselineError: a release before the baseline made the database.
        SchemaError: a migration was applied with other content.
    """
    if _FIRST_BEFORE_BASELINE in applied:
        raise BeforeBaselineError(
            "a release before 0001_baseline.sql made this database, and it cannot be migrated: start with an empty one"
        )
    known = {migration.name: migration.digest for migration in migrations}
    for name, digest in applied.items():
        if known.get(name, digest) != digest:
            raise SchemaError(f"the migration {name} was applied with other content: use the release that applied it")
    return tuple(migration for migration in migrations if migration.name not in applied)


def require_no_newer(applied: Mapping[str, str], migrations: Sequence[Migration]) -> None:
    """Refuses to migrate if a newer release migrated the database, because this release would set older roles and rights.

    Services of an older release do run on a newer schema. Migrations only add, so that a release can be rolled out and rolled
    back.

    Raises:
        NewerReleaseError: a newer release migrated the database.
    """
    unknown = sorted(applied.keys() - {migration.name for migration in migrations})
    if unknown:
        raise NewerReleaseError(
            f"a newer release migrated the database ({', '.join(unknown)}), and a schema is not downgraded. Nothing was changed."
            " To go back to this release, start its services without this command: they run on the newer schema. Otherwise run the"
            " newer release"
        )
