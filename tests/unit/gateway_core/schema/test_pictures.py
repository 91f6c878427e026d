import re
from pathlib import Path

from gateway_core.schema.dump import SCHEMA_FILE

TABLE = re.compile(r"^CREATE TABLE public\.(\w+) \(\n(.*?)^\)[^;]*;", re.MULTILINE | re.DOTALL)

BOX = re.compile(r'<rect (class="table" )?x="([\d.]+)" y="([\d.]+)" width="(\d{3})" height="(\d+)"')
"""A table, or the panel of a subject. Narrower boxes are marks."""


def test_the_picture_shows_every_table_once_and_marks_row_level_security() -> None:
    picture = SCHEMA_FILE.with_name("tables.svg").read_text(encoding="utf-8")
    tables = dict(TABLE.findall(SCHEMA_FILE.read_text(encoding="utf-8")))
    names = re.findall(r'class="name"[^>]*>(\w+)<', picture)
    assert sorted(names) == sorted(tables)
    walled = re.findall(r'fill="#c2410c"/>\s*<text class="name"[^>]*>(\w+)<', picture)
    assert sorted(walled) == sorted(
        name for name, columns in tables.items() if "\n    organization_id " in f"\n{columns}"
    )


def test_no_panel_of_the_picture_covers_a_table() -> None:
    """What comes later in the file lies on top. Seen to fail: a panel hid a table that was drawn before it."""
    picture = SCHEMA_FILE.with_name("tables.svg").read_text(encoding="utf-8")
    boxes = [(bool(match[1]), *map(float, match.group(2, 3, 4, 5))) for match in BOX.finditer(picture)]
    assert any(is_table for is_table, *_ in boxes)
    for index, (is_table, x, y, *_) in enumerate(boxes):
        later = boxes[index:] if is_table else []
        for is_other_table, left, top, width, height in later:
            assert is_other_table or not (left <= x <= left + width and top <= y <= top + height)


def test_every_migration_is_named_by_the_readme_s_rules() -> None:
    folder = Path(SCHEMA_FILE.parent / "migrations")
    names = sorted(path.name for path in folder.glob("*.sql"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", name) for name in names)
