"""Parses the grants in `roles.sql`, so that the audit and the tests can compare them with those in a database."""

import re
from dataclasses import dataclass
from typing import Final

from gateway_core.schema.files import SchemaError, load_roles

_STATEMENT: Final = re.compile(
    r"^GRANT (?P<privileges>.+?) ON (?P<objects>.+?) TO (?P<roles>[^;]+);", re.MULTILINE | re.DOTALL
)
_FUNCTION: Final = "FUNCTION "
_OUTSIDE_PARENTHESES: Final = re.compile(r",\s*(?![^(]*\))")
_PRIVILEGE: Final = re.compile(r"(?P<name>[A-Z]+)(?: \((?P<columns>[^)]+)\))?")


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One privilege of one role on one object."""

    role: str
    object: str
    """`table`, `table (column)`, `function(argument types)` or `schema public`."""
    privilege: str


def load_grants() -> frozenset[Grant]:
    """Returns every grant in `roles.sql` on the schema and its objects.

    Raises:
        SchemaError: a GRANT statement cannot be parsed.
    """
    text = re.sub(r"^--.*$", "", load_roles(), flags=re.MULTILINE)
    return frozenset(
        grant
        for statement in _STATEMENT.finditer(text)
        for role in _OUTSIDE_PARENTHESES.split(statement["roles"])
        for grant in _grants(role.strip(), statement["privileges"], statement["objects"])
    )


def _grants(role: str, privileges: str, objects: str) -> list[Grant]:
    of_functions = objects.startswith(_FUNCTION)
    listed = [
        _name(name, is_function=of_functions) for name in _OUTSIDE_PARENTHESES.split(objects.removeprefix(_FUNCTION))
    ]
    found = []
    for privilege in _OUTSIDE_PARENTHESES.split(privileges):
        match = _PRIVILEGE.fullmatch(privilege.strip())
        if match is None:
            raise SchemaError(f"roles.sql: cannot parse GRANT {privileges} ON {objects}")
        columns = match["columns"]
        found += [
            Grant(role, f"{name} ({column.strip()})" if column else name, match["name"])
            for name in listed
            for column in (columns.split(",") if columns else [""])
        ]
    return found


def _name(text: str, *, is_function: bool) -> str:
    """Returns the name as PostgreSQL prints it: `schema` in lowercase, and no spaces between argument types."""
    name = text.strip()
    if is_function:
        return re.sub(r",\s+", ",", name)
    return name.replace("SCHEMA ", "schema ")
