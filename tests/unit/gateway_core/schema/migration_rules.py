"""The rules for migrations that run while services of the release before serve calls. README.md of the schema has them in words."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway_core.schema.files import Migration
from tests.unit.gateway_core.schema.statements import Statement, clauses, statements

LARGE_TABLES: Final = frozenset(
    {
        "alert_events", "audit_log", "delivery_attempts", "holds", "inbox_entries", "ledger_transfers", "notification_deliveries",
        "outbox_messages", "refused_calls", "routed_calls", "scope_spend", "stored_objects", "usage_corrections", "usage_days",
        "usage_hours", "usage_months", "usage_records", "usage_running_totals", "usage_tag_days", "usage_tagged_hours",
        "usage_year_totals",
    }
)  # fmt: skip
"""Tables that grow with calls."""


class Rule(StrEnum):
    """A rule, by what it refuses. The value says what to do instead."""

    DROP = "keep it for the programs of the release before, and drop it one release after the last that uses it"
    RENAME = "add the new name beside the old one, and drop the old one a release later"
    COLUMN_TYPE = "add a column of the new type, fill it in batches, and drop the old one a release later"
    NOT_NULL = "add CHECK (column IS NOT NULL) NOT VALID, and validate it in a migration before this one"
    NO_DEFAULT = "give it a default and keep it, because programs of the release before insert rows without it"
    VOLATILE_DEFAULT = "add it without a default, set the default in a statement of its own, and fill it in batches"
    INDEX = (
        "let operators build it with CREATE INDEX CONCURRENTLY before they migrate, write CREATE INDEX IF NOT EXISTS here, and"
        " record the exception"
    )
    CONCURRENTLY = "leave CONCURRENTLY out: each migration is one transaction, in which PostgreSQL refuses it"
    CONSTRAINT = "add it NOT VALID in a statement of its own, and validate it in a later migration"
    VALIDATION = "validate it in a later migration: this one holds the lock of ADD CONSTRAINT until it ends"
    REWRITE = "let a service fill it in batches: the migration locks every row that it changes until it ends"
    LOCK = "do without: statements of services wait until the migration ends"
    BLOCK = "write plain statements, which these rules can read"


@dataclass(frozen=True)
class Refusal:
    """A statement that breaks a rule."""

    statement: Statement
    rule: Rule

    def __str__(self) -> str:
        where = f"{self.statement.migration}:{self.statement.line}"
        return f"{where}: {self.rule.name}: {self.statement.sql[:80]}: {self.rule.value}"


_NAME = r"(?:if (?:not )?exists )?(?:only )?(?P<name>[\w.]+)"
_CREATED = re.compile(
    rf"create (?:or replace )?(?:temporary |unlogged |materialized )?"
    rf"(?:table|function|procedure|aggregate|type|domain|view|sequence) {_NAME}"
)
_DROPPED = re.compile(
    r"drop (?:table|function|procedure|routine|aggregate|type|domain|view|materialized view|sequence|schema) (?P<names>.*)"
)
_RENAMED = re.compile(
    rf"alter (?:table|function|procedure|routine|aggregate|type|domain|view|materialized view|sequence) {_NAME}.*"
    r" (?:rename .*?|set schema )(?P<new>\w+)$"
)
_DROPS_COLUMN = re.compile(r"drop (?!constraint\b)")
_DROPS_DEFAULT = re.compile(r"alter (?:column )?\w+ drop (?:default|identity)\b")
_INDEXED = re.compile(
    r"create (?:unique )?index (?P<concurrently>concurrently )?(?:.*? )?on (?:only )?(?P<table>[\w.]+)"
)
_ADDED_CONSTRAINT = re.compile(r"add (?:constraint (?P<name>\w+) )?(?:check|foreign key|unique|primary key|exclude)\b")
_ADDED_COLUMN = re.compile(r"add (?!(?:constraint|check|foreign key|unique|primary key|exclude)\b)")
_NOT_NULL_CHECK = re.compile(r"add constraint (?P<name>\w+) check \((?P<column>\w+) is not null\)")
_VOLATILE = re.compile(
    r"default [ (]*(?:\w+\.)?(?!now ?\()\w+ ?\(|\b(?:small|big)?serial\b|generated (?:always|by default) as"
)
_CHECKED = re.compile(r"\b(?:check|references|unique|primary key)\b")
_LOCKED = re.compile(r"(?:lock|truncate) (?:table )?(?P<names>.*?)(?: in [a-z ]+ mode.*)?$")
_REBUILT = re.compile(r"(?:cluster|reindex|vacuum|refresh)\b")
_CHANGED = re.compile(r"\b(?:update|delete from|merge into) (?:only )?(?P<table>[\w.]+)")


def _names(listed: str) -> list[str]:
    """Returns the names in a list like that of DROP TABLE."""
    return [named["name"] for one in clauses(listed) if (named := re.match(_NAME, one))]


@dataclass
class _Reader:
    """What the migrations so far have made."""

    old: set[str] = field(default_factory=set)
    """What the release before has, or had before a migration dropped it."""
    new: set[str] = field(default_factory=set)
    """What was made since the release before, so that its programs use none of it."""
    added: set[str] = field(default_factory=set)
    """Constraints of this migration."""
    not_null: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Table and column of each check against NULL."""
    validated: set[tuple[str, str]] = field(default_factory=set)

    def release(self) -> None:
        """Counts everything so far to the release before."""
        self.old |= self.new
        self.new = set()

    def rules(self, sql: str) -> Iterator[Rule]:
        """Yields the rules that a statement breaks."""
        if created := _CREATED.match(sql):
            self._make(created["name"])
        if sql.startswith("do "):
            yield Rule.BLOCK
        locked = _LOCKED.match(sql)
        if (locked and not self.new.issuperset(_names(locked["names"]))) or _REBUILT.match(sql):
            yield Rule.LOCK
        if (dropped := _DROPPED.match(sql)) and not self.new.issuperset(_names(dropped["names"])):
            yield Rule.DROP
        if renamed := _RENAMED.match(sql):
            yield from self._rules_of_new_name(renamed["name"], renamed["new"])
        if (indexed := _INDEXED.match(sql)) and self._is_large(indexed["table"]):
            yield Rule.INDEX
        if indexed and indexed["concurrently"]:
            yield Rule.CONCURRENTLY
        if sql.startswith(("update ", "delete ", "merge ", "with ")):
            yield from self._rules_of_change(sql)
        if (altered := re.match(rf"alter table {_NAME} (?P<actions>.*)", sql)) and altered["name"] not in self.new:
            for action in clauses(altered["actions"]):
                yield from self._rules_of_action(altered["name"], action)

    def _make(self, name: str) -> None:
        if name not in self.old:
            self.new.add(name)

    def _rules_of_new_name(self, old: str, new: str) -> Iterator[Rule]:
        if old in self.new:
            self._make(new)
        else:
            yield Rule.RENAME

    def _is_large(self, table: str) -> bool:
        return table in LARGE_TABLES and table not in self.new

    def _rules_of_change(self, sql: str) -> Iterator[Rule]:
        for changed in _CHANGED.finditer(sql):
            table = changed["table"]
            if self._is_large(table) or (table not in self.new and " where " not in sql):
                yield Rule.REWRITE

    def _rules_of_action(self, table: str, action: str) -> Iterator[Rule]:
        if _DROPS_COLUMN.match(action):
            yield Rule.DROP
        if _DROPS_DEFAULT.match(action):
            yield Rule.NO_DEFAULT
        if re.match(r"alter (?:column )?\w+ (?:set data )?type ", action):
            yield Rule.COLUMN_TYPE
        not_null = re.match(r"alter (?:column )?(\w+) set not null", action)
        if not_null and (table, not_null[1]) not in self.validated:
            yield Rule.NOT_NULL
        if _ADDED_COLUMN.match(action):
            yield from self._rules_of_column(table, action)
        if constraint := _ADDED_CONSTRAINT.match(action):
            self._remember(table, constraint["name"], action)
            if self._is_large(table) and not re.search(r" not valid$| using index ", action):
                yield Rule.CONSTRAINT
        if validated := re.match(r"validate constraint (\w+)", action):
            if validated[1] in self.added:
                yield Rule.VALIDATION
            elif validated[1] in self.not_null:
                self.validated.add(self.not_null[validated[1]])

    def _rules_of_column(self, table: str, action: str) -> Iterator[Rule]:
        if _VOLATILE.search(action):
            yield Rule.VOLATILE_DEFAULT
        elif re.search(r" (?:not null|primary key)\b", action) and " default " not in action:
            yield Rule.NO_DEFAULT
        if self._is_large(table) and _CHECKED.search(action):
            yield Rule.CONSTRAINT

    def _remember(self, table: str, name: str | None, action: str) -> None:
        if name:
            self.added.add(name)
        if check := _NOT_NULL_CHECK.match(action):
            self.not_null[check["name"]] = (table, check["column"])


def refusals(migrations: Iterable[Migration], released: str) -> list[Refusal]:
    """Returns what services of the release before would not survive, or would wait for.

    Args:
        migrations: all, in their order.
        released: the newest migration of the release before. What it and those before it did is not refused.
    """
    found, reader = [], _Reader()
    for migration in migrations:
        reader.added = set()
        for statement in statements(migration):
            broken = dict.fromkeys(reader.rules(statement.sql))
            found += [Refusal(statement, rule) for rule in broken if migration.name > released]
        if migration.name <= released:
            reader.release()
    return found
