import re
from pathlib import Path

from gateway_core.schema.dump import SCHEMA_FILE

TABLE = re.compile(r"^CREATE TABLE public\.(\w+) \(\n(.*?)^\);", re.MULTILINE | re.DOTALL)


def test_the_picture_shows_every_table_once_and_marks_row_level_security() -> None:
    picture = SCHEMA_FILE.with_name("tables.svg").read_text(encoding="utf-8")
    tables = dict(TABLE.findall(SCHEMA_FILE.read_text(encoding="utf-8")))
    names = re.findall(r'class="name"[^>]*>(\w+)<', picture)
    assert sorted(names) == sorted(tables)
    walled = re.findall(r'fill="#c2410c"/>\s*<text class="name"[^>]*>(\w+)<', picture)
    assert sorted(walled) == sorted(
        name for name, columns in tables.items() if "\n    organization_id " in f"\n{columns}"
    )


def test_every_migration_is_named_by_the_readme_s_rules() -> None:
    folder = Path(SCHEMA_FILE.parent / "migrations")
    names = sorted(path.name for path in folder.glob("*.sql"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name) for name in names)
