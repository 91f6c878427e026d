"""Loads the SQL files of the schema from this package."""

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

CHECKSUMS: Final = "SHA256SUMS"

_PACKAGE: Final = "gateway_core.schema"

EXIT_BEFORE_BASELINE: Final = 3
"""The exit status of the command if a release before the baseline made the database."""

EXIT_NEWER_RELEASE: Final = 4
"""The exit status of the command if a newer release migrated the database."""


class SchemaError(Exception):
    """The files or the database do not fit this release. The message says what to do."""


@dataclass(frozen=True)
class Migration:
    """One numbered SQL file. It is applied once and must not change after its release."""

    name: str
    sql: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Returns the migrations in the order in which they apply.

    Args:
        folder: contains the files and their checksums. Default: `migrations` in this package.

    Raises:
        SchemaError: a file does not match its checksum, has no checksum, or is missing.
    """
    return _shipped() if folder is None else _load(folder)


@cache
def _shipped() -> tuple[Migration, ...]:
    """Reads the files of this package once per process. Tests start hundreds of services in one process."""
    return _load(resources.files(_PACKAGE) / "migrations")


def _load(source: Traversable) -> tuple[Migration, ...]:
    names = sorted(file.name for file in source.iterdir() if file.name.endswith(".sql"))
    migrations = tuple(Migration(name, (source / name).read_text(encoding="utf-8")) for name in names)
    _require_checksums(migrations, (source / CHECKSUMS).read_text(encoding="utf-8"))
    return migrations


def _require_checksums(migrations: tuple[Migration, ...], checksums: str) -> None:
    """Compares the files with the lines of `sha256sum`. An edited migration would leave databases with different schemas."""
    expected = {name: digest for digest, name in (line.split() for line in checksums.splitlines())}
    found = {migration.name: migration.digest for migration in migrations}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise SchemaError(f"the migration {name} is missing: restore it")
        if name not in expected:
            raise SchemaError(
                f"the migration {name} has no checksum: add the output of `sha256sum {name}` to {CHECKSUMS}"
            )
        if expected[name] != found[name]:
            raise SchemaError(f"the migration {name} was edited: restore it, and add a new migration instead")


def load_roles() -> str:
    """Returns the text of `roles.sql`, which defines all roles and their rights."""
    return (resources.files(_PACKAGE) / "roles.sql").read_text(encoding="utf-8")
