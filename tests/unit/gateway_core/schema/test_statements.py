import re

import pytest

from gateway_core.schema.files import Migration, load_migrations
from tests.unit.gateway_core.schema.statements import clauses, statements

FIRST_WORDS = {
    "alter", "analyze", "call", "comment", "create", "delete", "do", "drop", "grant", "insert", "lock", "revoke", "select", "set",
    "truncate", "update", "with",
}  # fmt: skip


def split(sql: str) -> list[str]:
    return [statement.sql for statement in statements(Migration("0001_any.sql", sql))]


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("SELECT 1 -- ; DROP TABLE a;\n;", "select 1"),
        ("SELECT/* ; /* nested ; */ DROP; */ 1;", "select 1"),
        ("SELECT 1 /* it's */;", "select 1"),
        ("SELECT 'a; it''s -- no comment';", "select ''"),
        ("SELECT '/*';", "select ''"),
        (r"SELECT E'it\'s; ', 'a\';", "select '', ''"),
        ("SELECT $$ it's; -- $$;", "select $$"),
        ("SELECT $a$ $$ ; $b$ $$ ; $a$;", "select $$"),
        ("SELECT price$1 - $2 / 3;", "select price$1 - $2 / 3"),
        ("DO $do$ BEGIN EXECUTE $x$ DROP; $x$; END $do$;", "do $$"),
        ('DROP TABLE "public"."users";', "drop table users"),
        ('SELECT "a;""b";', "select a___b"),
        ("SELECT republic.a, public.b;", "select republic.a, b"),
        ("SELECT\n\t1\n  ;", "select 1"),
    ],
)
def test_comments_texts_and_bodies_do_not_end_a_statement(sql: str, first: str) -> None:
    assert split(f"{sql} DROP TABLE last;") == [first, "drop table last"]


def test_the_last_statement_needs_no_semicolon() -> None:
    assert split("SELECT 1; SELECT 2 -- end") == ["select 1", "select 2"]
    assert split("/* never closed ; SELECT 1;") == []


def test_the_line_is_that_of_the_first_word() -> None:
    sql = "-- Why.\n/* And\nwhy. */\nSELECT '\n';\n\n\n  SELECT 2;SELECT 3;\n$$\n$$;\nSELECT 4"
    assert [one.line for one in statements(Migration("0001_any.sql", sql))] == [4, 8, 8, 9, 11]


def test_clauses_are_split_outside_of_parentheses() -> None:
    assert clauses("add a numeric(9, 2), drop b, add check (c in (array['', '']))") == [
        "add a numeric(9, 2)", "drop b", "add check (c in (array['', '']))",
    ]  # fmt: skip


def test_every_migration_is_split_where_statements_begin() -> None:
    found = [statement for migration in load_migrations() for statement in statements(migration)]
    assert {statement.sql.split()[0] for statement in found} <= FIRST_WORDS
    lines = {migration.name: migration.sql.splitlines() for migration in load_migrations()}
    assert [
        one
        for one in found
        if not re.match(rf"\s*{one.sql.split()[0]}\b", lines[one.migration][one.line - 1], re.IGNORECASE)
    ] == []
