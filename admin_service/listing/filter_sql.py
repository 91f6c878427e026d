"""Compiles filters to SQL: a parsed filter against the fields that a list declares.

No text of a filter becomes text of the statement. Field names are looked up in the list's declaration, and values are parameters.

A comparison with an absent value (NULL) is false whatever its operator, and `NOT` of it is true. A filter is therefore always true
or false.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from admin_service.listing.filters import AllOf, AnyOf, Comparison, Filter, FilterError, Not, Operator, Search
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.ids import is_valid_id

ORGANIZATION: Final = "{organization}"
RESOURCE_ID: Final = "{id}"
MAX_INTEGER: Final = 2**63 - 1

_EQUALITY: Final = frozenset({Operator.EQUAL, Operator.NOT_EQUAL, Operator.IS_SET})
_ORDER: Final = _EQUALITY | {Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL}
_TEXT: Final = _EQUALITY | {Operator.HAS}
_SQL: Final = {Operator.NOT_EQUAL: "<>"}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")


class ValueMismatchError(ValueError):
    """The field does not accept the value. The message says what it accepts."""


class ForeignNameError(Exception):
    """A filter names a resource of another organization. It makes no difference whether that organization exists."""

    def __init__(self, name: str) -> None:
        super().__init__("the filter names a resource of another organization")
        self.name = name


@dataclass(frozen=True, slots=True)
class TextField:
    """A text. `=` and `!=` compare exactly; `:` means contains, ignoring case."""

    column: str
    operators: frozenset[Operator] = field(default=_TEXT, init=False)


@dataclass(frozen=True, slots=True)
class NameField:
    """A resource by its full name. The column has the id. Example of `pattern`: `organizations/{organization}/members/{id}`."""

    column: str
    pattern: str
    operators: frozenset[Operator] = field(default=_EQUALITY, init=False)


@dataclass(frozen=True, slots=True)
class EnumField:
    """An enum value by its name, with or without the prefix. `values` maps names without the prefix to the values in the column."""

    column: str
    values: Mapping[str, str]
    prefix: str = ""
    operators: frozenset[Operator] = field(default=_EQUALITY, init=False)

    @classmethod
    def of(cls, column: str, values: Iterable[str], prefix: str) -> "EnumField":
        """Returns the field of a column that has the names themselves."""
        return cls(column, {value: value for value in values}, prefix)


@dataclass(frozen=True, slots=True)
class TimeField:
    """A time in RFC 3339."""

    column: str
    operators: frozenset[Operator] = field(default=_ORDER, init=False)


@dataclass(frozen=True, slots=True)
class IntegerField:
    """A 64-bit integer."""

    column: str
    operators: frozenset[Operator] = field(default=_ORDER, init=False)


@dataclass(frozen=True, slots=True)
class BooleanField:
    """A boolean, `true` or `false`."""

    column: str
    operators: frozenset[Operator] = field(default=_EQUALITY, init=False)


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field for which the list compiles the comparison itself.

    `compile` takes the operator, the value, the organization and the parameters, to which it adds values. It raises
    ValueMismatchError for an invalid value and ForeignNameError for a name of another organization.
    """

    compile: Callable[[Operator, str, str, Parameters], str]
    operators: frozenset[Operator]


FilterField = TextField | NameField | EnumField | TimeField | IntegerField | BooleanField | CustomField
Fields = Mapping[str, FilterField]


# Explicit casts: the driver would refuse a value that is too wide for the column instead of comparing it.
_TYPES: Final[Mapping[type, str]] = {
    TextField: "text",
    NameField: "text",
    EnumField: "text",
    TimeField: "timestamptz",
    IntegerField: "bigint",
    BooleanField: "boolean",
}


def filter_sql(
    tree: Filter, fields: Fields, parameters: Parameters, *, organization: str, searched: Sequence[str] = ()
) -> str:
    """Returns the filter as an SQL condition.

    Args:
        tree: the parsed filter.
        fields: the list's fields by their names in filters.
        parameters: receives the values.
        organization: id of the organization whose rows are listed.
        searched: columns that a value without a field is searched in.

    Raises:
        FilterError: an unknown field, or an operator or value that the field does not accept.
        ForeignNameError: the filter names a resource of another organization.
    """
    return _Compiler(fields, parameters, organization, searched).sql(tree)


class _Compiler:
    """Compiles recursively. The parser bounds the depth of the tree."""

    def __init__(self, fields: Fields, parameters: Parameters, organization: str, searched: Sequence[str]) -> None:
        self._fields = fields
        self._parameters = parameters
        self._organization = organization
        self._searched = searched

    def sql(self, tree: Filter) -> str:
        match tree:
            case AllOf(parts):
                return "(" + " AND ".join(map(self.sql, parts)) + ")"
            case AnyOf(parts):
                return "(" + " OR ".join(map(self.sql, parts)) + ")"
            case Not(part):
                # NULL inside counts as false, so its negation is true.
                return f"(({self.sql(part)}) IS NOT TRUE)"
            case Search():
                return self._search(tree)
            case Comparison():
                return self._comparison(tree)

    def _search(self, search: Search) -> str:
        if not self._searched:
            raise FilterError(f"expected a comparison with one of {self._names()}", search.position)
        placeholder = self._parameters.add(_containing(search.value))
        return "(" + " OR ".join(f"{column} ILIKE {placeholder}" for column in self._searched) + ")"

    def _comparison(self, comparison: Comparison) -> str:
        declared = self._fields.get(comparison.field)
        if declared is None:
            raise FilterError(
                f"unknown field {comparison.field!r}; the fields are {self._names()}", comparison.position
            )
        if comparison.operator not in declared.operators:
            allowed = ", ".join(sorted(declared.operators))
            message = f"{comparison.field} does not accept {comparison.operator}; it accepts {allowed}"
            raise FilterError(message, comparison.position)
        try:
            return self._compiled(declared, comparison.operator, comparison.value)
        except ValueMismatchError as error:
            raise FilterError(f"{comparison.field} {error}", comparison.value_position) from None

    def _compiled(self, declared: FilterField, operator: Operator, value: str) -> str:
        if isinstance(declared, CustomField):
            return declared.compile(operator, value, self._organization, self._parameters)
        if operator is Operator.IS_SET:
            return f"({declared.column} IS NOT NULL)"
        if operator is Operator.HAS:
            return f"({declared.column} ILIKE {self._parameters.add(_containing(value))})"
        placeholder = self._parameters.add(_value(declared, value, self._organization))
        return f"({declared.column} {_SQL.get(operator, operator.value)} {placeholder}::{_TYPES[type(declared)]})"

    def _names(self) -> str:
        return ", ".join(sorted(self._fields))


def resource_id(pattern: str, name: str, organization: str) -> str:
    """Returns the id in a name that matches the pattern. For use in a `CustomField`.

    Raises:
        ValueMismatchError: the name does not match the pattern.
        ForeignNameError: it names a resource of another organization.
    """
    wanted, given = pattern.split("/"), name.split("/")
    of_pattern = len(wanted) == len(given) and all(
        is_valid_id(part) if expected in {ORGANIZATION, RESOURCE_ID} else part == expected
        for expected, part in zip(wanted, given, strict=True)
    )
    if not of_pattern:
        shown = pattern.replace(ORGANIZATION, organization)
        raise ValueMismatchError(f"accepts names such as {shown}")
    if ORGANIZATION in wanted and given[wanted.index(ORGANIZATION)] != organization:
        raise ForeignNameError(name)
    return given[wanted.index(RESOURCE_ID)]


def _value(declared: FilterField, value: str, organization: str) -> object:
    match declared:
        case NameField(pattern=pattern):
            return resource_id(pattern, value, organization)
        case EnumField(values=values, prefix=prefix):
            return _enum_value(values, prefix, value)
        case TimeField():
            return _moment(value)
        case IntegerField():
            return _integer(value)
        case BooleanField():
            return _boolean(value)
    return value


def _enum_value(values: Mapping[str, str], prefix: str, value: str) -> str:
    name = value.removeprefix(prefix)
    if name not in values:
        raise ValueMismatchError(f"accepts {', '.join(values)}")
    return values[name]


def _moment(value: str) -> dt.datetime:
    if not (value.isascii() and _TIME.fullmatch(value)):
        raise ValueMismatchError("accepts times such as 2026-01-31T00:00:00Z")
    seconds, _, rest = value.partition(".")
    fraction = re.match(r"\d*", rest)
    digits = fraction.group() if fraction else ""
    # PostgreSQL and Python stop at microseconds.
    text = f"{seconds}.{digits[:6]}{rest[len(digits) :]}" if digits else value
    try:
        return dt.datetime.fromisoformat(text.upper()).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueMismatchError("accepts existing dates between the years 1 and 9999") from None


def _integer(value: str) -> int:
    if not _INTEGER.fullmatch(value) or not -MAX_INTEGER - 1 <= int(value) <= MAX_INTEGER:
        raise ValueMismatchError("accepts 64-bit integers")
    return int(value)


def _boolean(value: str) -> bool:
    if value not in {"true", "false"}:
        raise ValueMismatchError("accepts true or false")
    return value == "true"


def _containing(value: str) -> str:
    r"""Returns the LIKE pattern for texts that contain the value. `\` escapes the characters that LIKE interprets."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", value) + "%"
