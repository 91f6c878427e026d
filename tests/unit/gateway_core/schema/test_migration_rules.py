"""Migrations run while services of the release before serve calls, so they break none of them and hold no lock for long."""

import re
from collections.abc import Mapping
from typing import Final

import pytest

from gateway_core.schema.dump import SCHEMA_FILE
from gateway_core.schema.files import Migration, load_migrations
from tests.support.upgrades.releases import RELEASES
from tests.unit.gateway_core.schema.migration_rules import LARGE_TABLES, Rule, refusals

_BESIDE = (
    "created again in the same transaction with the same arguments; 0.2.0 was tried beside it (docs/guides/upgrades.md)"
)
_ONE_SCAN = "one scan of what 0.2.0 recorded, whose writers wait in the journal meanwhile"
_LOG_SCAN = "the audit log grows with what people change; changes wait for one scan"
_POLICIES = "roles and policies only, which read no rows"
EXCEPTIONS: Final[Mapping[tuple[str, Rule], str]] = {
    ("0002_price_everything.sql", Rule.CONSTRAINT): _ONE_SCAN,
    ("0004_budget_mode.sql", Rule.DROP): _BESIDE,
    ("0011_limits_for_a_while.sql", Rule.DROP): _BESIDE,
    ("0013_service_accounts.sql", Rule.DROP): "added again in the same transaction; guardrails are thousands and not millions",
    ("0013_service_accounts.sql", Rule.VOLATILE_DEFAULT): "rewrites guardrails, which are thousands and not millions",
    ("0016_rollover.sql", Rule.DROP): _BESIDE,
    ("0021_lists_and_names.sql", Rule.DROP): _BESIDE,
    ("0024_call_tags.sql", Rule.CONSTRAINT): _ONE_SCAN,
    ("0024_call_tags.sql", Rule.INDEX): _ONE_SCAN,
    ("0036_indexes_of_usage.sql", Rule.INDEX): _ONE_SCAN,
    ("0037_alerts.sql", Rule.BLOCK): _POLICIES,
    ("0041_delivery.sql", Rule.BLOCK): _POLICIES,
    ("0051_changes_by_time.sql", Rule.INDEX): _LOG_SCAN,
}  # fmt: skip
"""Why a migration since the last release may break a rule. Remove an entry when its migration is released."""

RELEASED = Migration(
    "0001_released.sql",
    "CREATE TABLE holds (id text, note text); CREATE TABLE users (id text); CREATE FUNCTION carry() RETURNS text AS $$ $$;",
)


def found(sql: str, *before: str) -> list[tuple[Rule, int]]:
    """The rules that the last of some migrations since a release breaks, with the lines."""
    since = [Migration(f"000{number}_since.sql", text) for number, text in enumerate((*before, sql), start=2)]
    return [
        (refusal.rule, refusal.statement.line)
        for refusal in refusals([RELEASED, *since], RELEASED.name)
        if refusal.statement.migration == since[-1].name
    ]


def test_migrations_since_the_last_release_break_no_rule_without_a_reason() -> None:
    broken = refusals(load_migrations(), RELEASES[-1].schema)
    assert [str(one) for one in broken if (one.statement.migration, one.rule) not in EXCEPTIONS] == []
    assert EXCEPTIONS.keys() - {(one.statement.migration, one.rule) for one in broken} == set()


def test_every_large_table_exists() -> None:
    tables = set(re.findall(r"^CREATE TABLE public\.(\w+) ", SCHEMA_FILE.read_text(encoding="utf-8"), re.MULTILINE))
    assert LARGE_TABLES - tables == set()


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("DROP TABLE users;", Rule.DROP),
        ("DROP TABLE IF EXISTS public.users CASCADE;", Rule.DROP),
        ("DROP FUNCTION carry();", Rule.DROP),
        ("DROP FUNCTION carry(); CREATE FUNCTION carry() RETURNS bigint AS $$ $$;", Rule.DROP),
        ("DROP TYPE state;", Rule.DROP),
        ('DROP TABLE "users";', Rule.DROP),
        ("CREATE TABLE made (id text); DROP TABLE made, users;", Rule.DROP),
        ("CREATE TABLE IF NOT EXISTS users (id text); DROP TABLE users;", Rule.DROP),
        ("CREATE INDEX users ON users (id); DROP TABLE users;", Rule.DROP),
        ("CREATE FUNCTION carry(bigint) RETURNS text AS $$ $$; DROP FUNCTION carry();", Rule.DROP),
        ("ALTER TABLE users ADD COLUMN a text, DROP COLUMN note;", Rule.DROP),
        ("ALTER TABLE users DROP note;", Rule.DROP),
        ("ALTER TABLE users DROP default_note;", Rule.DROP),
        ("ALTER TABLE IF EXISTS ONLY users DROP note;", Rule.DROP),
        ("ALTER TABLE users RENAME TO people;", Rule.RENAME),
        ("ALTER TABLE users RENAME COLUMN id TO name;", Rule.RENAME),
        ("ALTER FUNCTION carry() RENAME TO carried;", Rule.RENAME),
        ("ALTER TABLE users SET SCHEMA past;", Rule.RENAME),
        ("ALTER TABLE users ALTER COLUMN id TYPE bigint;", Rule.COLUMN_TYPE),
        ("ALTER TABLE users ALTER id SET DATA TYPE bigint;", Rule.COLUMN_TYPE),
        ("ALTER TABLE users ALTER COLUMN id SET NOT NULL;", Rule.NOT_NULL),
        ("ALTER TABLE users ADD COLUMN a text NOT NULL;", Rule.NO_DEFAULT),
        ("ALTER TABLE users ADD checked text NOT NULL;", Rule.NO_DEFAULT),
        ("ALTER TABLE users ADD a text PRIMARY KEY;", Rule.NO_DEFAULT),
        ("ALTER TABLE users ALTER note DROP DEFAULT;", Rule.NO_DEFAULT),
        ("ALTER TABLE users ADD a uuid DEFAULT gen_random_uuid();", Rule.VOLATILE_DEFAULT),
        ("ALTER TABLE users ADD a timestamptz NOT NULL DEFAULT clock_timestamp();", Rule.VOLATILE_DEFAULT),
        ("ALTER TABLE users ADD a bigserial;", Rule.VOLATILE_DEFAULT),
        ("ALTER TABLE users ADD a float DEFAULT (random());", Rule.VOLATILE_DEFAULT),
        ("ALTER TABLE users ADD a text GENERATED ALWAYS AS (id || id) STORED;", Rule.VOLATILE_DEFAULT),
        ("CREATE INDEX holds_by_note ON holds (note);", Rule.INDEX),
        ("CREATE INDEX holds_by_position ON holds (note);", Rule.INDEX),
        ("CREATE UNIQUE INDEX ON ONLY public.holds (note);", Rule.INDEX),
        ("CREATE INDEX CONCURRENTLY users_by_id ON users (id);", Rule.CONCURRENTLY),
        ("ALTER TABLE holds ADD CONSTRAINT short CHECK (length(note) < 9);", Rule.CONSTRAINT),
        ("ALTER TABLE holds ADD FOREIGN KEY (id) REFERENCES users;", Rule.CONSTRAINT),
        ("ALTER TABLE holds ADD COLUMN a text CHECK (a <> '');", Rule.CONSTRAINT),
        ("UPDATE users SET id = lower(id);", Rule.REWRITE),
        ("UPDATE holds SET note = '' WHERE note IS NULL;", Rule.REWRITE),
        ("WITH old AS (SELECT id FROM users WHERE id < 'b') DELETE FROM holds USING old;", Rule.REWRITE),
        ("MERGE INTO holds USING users ON id = name WHEN MATCHED THEN DELETE;", Rule.REWRITE),
        ("CREATE TABLE made (id text); LOCK TABLE made, users;", Rule.LOCK),
        ("CLUSTER users;", Rule.LOCK),
        ("LOCK TABLE users IN EXCLUSIVE MODE;", Rule.LOCK),
        ("TRUNCATE users;", Rule.LOCK),
        ("DO $$ BEGIN DROP TABLE users; END $$;", Rule.BLOCK),
    ],
)  # fmt: skip
def test_what_breaks_the_release_before_or_holds_locks_for_long_is_refused(sql: str, rule: Rule) -> None:
    assert found(sql) == [(rule, 1)]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE holds ADD COLUMN a text, ADD b bigint NOT NULL DEFAULT 0, ADD c timestamptz NOT NULL DEFAULT now();",
        "ALTER TABLE holds ALTER COLUMN note DROP NOT NULL, DROP CONSTRAINT short, ALTER id SET DEFAULT 'drop column a';",
        "ALTER TABLE holds ADD CONSTRAINT short CHECK (length(note) < 9) NOT VALID;",
        "ALTER TABLE holds SET (autovacuum_vacuum_scale_factor = 0.01);",
        "CREATE INDEX users_by_id ON users (id);",
        "UPDATE users SET id = lower(id) WHERE id <> lower(id);",
        "CREATE OR REPLACE FUNCTION carry() RETURNS text AS $$ DROP TABLE users; $$; -- DROP TABLE users;",
        "/* DROP TABLE users; */ SELECT 'it''s; DROP TABLE users';",
    ],
)
def test_what_only_adds_is_accepted(sql: str) -> None:
    assert found(sql) == []


def test_what_was_made_since_the_release_may_be_changed_at_will() -> None:
    made = "CREATE TABLE usage_records (id text); CREATE FUNCTION sum_of(bigint) RETURNS bigint AS $$ $$;"
    changed = (
        "CREATE INDEX ON usage_records (id); UPDATE usage_records SET id = ''; LOCK TABLE usage_records;"
        "ALTER TABLE usage_records ALTER id TYPE bigint; ALTER TABLE usage_records RENAME TO calls; DROP TABLE calls;"
        "DROP FUNCTION sum_of(bigint);"
    )
    assert found(made + changed) == found(changed, made) == []


def test_a_column_may_be_made_not_null_after_a_check_was_validated() -> None:
    check = "ALTER TABLE holds ADD CONSTRAINT note_is_set CHECK (note IS NOT NULL) NOT VALID;"
    validate, set_not_null = (
        "ALTER TABLE holds VALIDATE CONSTRAINT note_is_set;",
        "ALTER TABLE holds ALTER note SET NOT NULL;",
    )
    assert found(check + validate) == [(Rule.VALIDATION, 1)]
    assert found(validate, check) == []
    assert found(set_not_null, check) == [(Rule.NOT_NULL, 1)]
    assert found(set_not_null, check, validate) == []


def test_a_refusal_names_the_file_and_the_line_and_what_to_do() -> None:
    migration = Migration("0002_since.sql", "-- Why.\nCREATE TABLE a (b text);\n\n-- Why.\nDROP\n  TABLE users;\n")
    [refusal] = refusals([RELEASED, migration], RELEASED.name)
    assert str(refusal) == f"0002_since.sql:5: DROP: drop table users: {Rule.DROP.value}"
