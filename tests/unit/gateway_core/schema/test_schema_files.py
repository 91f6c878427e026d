import hashlib
from pathlib import Path

import pytest

from gateway_core.schema.files import CHECKSUMS, SchemaError, load_migrations
from gateway_core.schema.history import BeforeBaselineError, NewerReleaseError, missing, require_no_newer

BASELINE = "0001_baseline.sql"
BASELINE_DIGEST = "a6e4fbbb3b53f421df66b04619cbba94a1d9bfbb70104641bbc1ff1d31d9ee03"
"""Committed here too, so that an edit of the baseline together with its checksum fails a test."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2):
        (tmp_path / f"000{number}_step.sql").write_text(f"SELECT {number};\n", encoding="utf-8")
    write_checksums(tmp_path)
    return tmp_path


def write_checksums(folder: Path) -> None:
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(folder.glob("*.sql"))]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def test_the_baseline_is_the_released_one() -> None:
    first, *_ = load_migrations()
    assert (first.name, first.digest) == (BASELINE, BASELINE_DIGEST)


def test_migrations_are_ordered_by_number(folder: Path) -> None:
    assert [migration.name for migration in load_migrations(folder)] == ["0001_step.sql", "0002_step.sql"]


def test_an_edited_migration_is_refused(folder: Path) -> None:
    (folder / "0001_step.sql").write_text("SELECT 3;\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"0001_step.sql was edited: restore it, and add a new migration"):
        load_migrations(folder)


def test_a_migration_without_a_checksum_is_refused(folder: Path) -> None:
    (folder / "0003_step.sql").write_text("SELECT 3;\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"0003_step.sql has no checksum"):
        load_migrations(folder)


def test_a_deleted_migration_is_reported(folder: Path) -> None:
    (folder / "0002_step.sql").unlink()
    with pytest.raises(SchemaError, match=r"0002_step.sql is missing"):
        load_migrations(folder)


def test_unapplied_migrations_are_reported_as_missing(folder: Path) -> None:
    first, second = load_migrations(folder)
    assert missing({}, (first, second)) == (first, second)
    assert missing({first.name: first.digest}, (first, second)) == (second,)
    assert missing({first.name: first.digest, second.name: second.digest}, (first, second)) == ()


def test_an_older_release_accepts_but_does_not_migrate_a_newer_database(folder: Path) -> None:
    first, second = load_migrations(folder)
    applied = {first.name: first.digest, second.name: second.digest}
    assert missing(applied, (first,)) == ()
    with pytest.raises(
        NewerReleaseError, match=r"\(0002_step.sql\), and a schema is not downgraded. Nothing was changed"
    ):
        require_no_newer(applied, (first,))


def test_a_database_with_a_changed_migration_is_refused(folder: Path) -> None:
    migrations = load_migrations(folder)
    with pytest.raises(SchemaError, match=r"0001_step.sql was applied with other content"):
        missing({"0001_step.sql": "another"}, migrations)


def test_a_database_from_before_the_baseline_is_refused() -> None:
    with pytest.raises(BeforeBaselineError, match="start with an empty one"):
        missing({"0001_identity.sql": "any"}, load_migrations())
