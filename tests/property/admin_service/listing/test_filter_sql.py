"""Filters: for any text and any expression tree, the database returns the rows that the grammar defines."""

import datetime as dt
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admin_service.listing.filter_sql import (
    BooleanField,
    EnumField,
    FilterField,
    ForeignNameError,
    IntegerField,
    NameField,
    TextField,
    TimeField,
    filter_sql,
)
from admin_service.listing.filters import (
    AllOf,
    AnyOf,
    Comparison,
    Filter,
    FilterError,
    Not,
    Operator,
    Search,
    parse_filter,
)
from admin_service.listing.sql_parameters import Parameters
from deploy.local.programs.postgres import start_postgres
from tests.support.ports import free_port
from tests.support.repository import ROOT

FIELDS: Mapping[str, FilterField] = {
    "text": TextField("t.text"),
    "name": NameField("t.name", "organizations/{organization}/members/{id}"),
    "state": EnumField("t.state", {"ON": "on", "OFF": "off"}, "STATE_"),
    "time": TimeField("t.time"),
    "number": IntegerField("t.number"),
    "flag": BooleanField("t.flag"),
}
SEARCHED = ("t.text", "t.state")
EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

TEXTS = st.text("aB%_\\'\" *(", max_size=4)
VALUES: Mapping[str, st.SearchStrategy[object]] = {
    "text": TEXTS,
    "name": st.sampled_from(["ann", "bob"]),
    "state": st.sampled_from(["on", "off"]),
    "time": st.integers(-3, 3).map(lambda days: EPOCH + dt.timedelta(days=days, microseconds=days)),
    "number": st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    "flag": st.booleans(),
}
Row = Mapping[str, object]
ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}), max_size=6
)


def written(field: str, value: object) -> str:
    """Returns the value as it is written in a filter."""
    match field:
        case "name":
            return f"organizations/acme/members/{value}"
        case "state":
            return f"STATE_{str(value).upper()}"
        case "flag":
            return str(value).lower()
        case "time":
            assert isinstance(value, dt.datetime)
            return value.isoformat()
    return str(value)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(st.sampled_from(sorted(FIELDS)))
    operator = draw(st.sampled_from(sorted(FIELDS[field].operators)))
    value = "" if operator is Operator.IS_SET else written(field, draw(VALUES[field]))
    return Comparison(field, operator, value, 0, 0)


TREES: st.SearchStrategy[Filter] = st.recursive(
    comparisons() | st.builds(Search, TEXTS, st.just(0)),
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(tuple).map(AllOf)
        | st.lists(inner, min_size=2, max_size=3).map(tuple).map(AnyOf)
    ),
    max_leaves=8,
)


def keeps(tree: Filter, row: Row) -> bool:
    """Returns whether the grammar keeps a row."""
    match tree:
        case AllOf(parts):
            return all(keeps(part, row) for part in parts)
        case AnyOf(parts):
            return any(keeps(part, row) for part in parts)
        case Not(part):
            return not keeps(part, row)
        case Search(value):
            return any(value.lower() in str(row[name]).lower() for name in ("text", "state") if row[name] is not None)
    return compares(tree, row[tree.field])


def compares(comparison: Comparison, value: object) -> bool:
    if value is None:
        return False
    if comparison.operator is Operator.IS_SET:
        return True
    if comparison.operator is Operator.HAS:
        return comparison.value.lower() in str(value).lower()
    if comparison.operator in {Operator.EQUAL, Operator.NOT_EQUAL}:
        return (written(comparison.field, value) == comparison.value) is (comparison.operator is Operator.EQUAL)
    other = dt.datetime.fromisoformat(comparison.value) if comparison.field == "time" else int(comparison.value)
    before, same = value < other, value == other  # type: ignore[operator] # both have the same type
    return {
        Operator.LESS: before,
        Operator.LESS_OR_EQUAL: before or same,
        Operator.GREATER: not before and not same,
        Operator.GREATER_OR_EQUAL: not before,
    }[comparison.operator]


def text_of(tree: Filter) -> str:
    """Returns the tree as a filter, with every part in parentheses and every value in quotes."""
    match tree:
        case AllOf(parts):
            return "(" + " AND ".join(map(text_of, parts)) + ")"
        case AnyOf(parts):
            return "(" + " OR ".join(map(text_of, parts)) + ")"
        case Not(part):
            return f"NOT ({text_of(part)})"
        case Search(value):
            return quoted(value)
    if tree.operator is Operator.IS_SET:
        return f"{tree.field}:*"
    return f"{tree.field} {tree.operator} {quoted(tree.value)}"


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_postgres(tmp_path_factory.mktemp("postgres"), free_port()) as server:
        yield server.url


@pytest.fixture(scope="module")
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connected = await asyncpg.connect(database_url)
    await connected.execute(
        "CREATE TEMP TABLE t (id int, text text, name text, state text, time timestamptz, number bigint, flag boolean)"
    )
    yield connected
    await connected.close()


@given(tree=TREES, rows=ROWS)
@settings(max_examples=400)
async def test_the_database_keeps_the_rows_that_the_grammar_keeps(
    connection: asyncpg.Connection, tree: Filter, rows: list[Row]
) -> None:
    await connection.execute("TRUNCATE t")
    await connection.executemany(
        "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [(number, *(row[name] for name in ("text", "name", "state", "time", "number", "flag"))) for number, row in enumerate(rows)],
    )  # fmt: skip
    parameters = Parameters()
    condition = filter_sql(tree, FIELDS, parameters, organization="acme", searched=SEARCHED)
    found = await connection.fetch(f"SELECT id FROM t WHERE {condition} ORDER BY id", *parameters.values)  # noqa: S608
    assert [row["id"] for row in found] == [number for number, row in enumerate(rows) if keeps(tree, row)]


def shape(tree: Filter | None) -> object:
    match tree:
        case AllOf(parts) | AnyOf(parts):
            return (type(tree), *map(shape, parts))
        case Not(part):
            return (Not, shape(part))
        case Comparison(field, operator, value):
            return (field, operator, value)
        case Search(value):
            return value
    return None


def depth(tree: Filter) -> int:
    match tree:
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(depth, parts))
        case Not(part):
            return 1 + depth(part)
    return 0


@given(tree=TREES.filter(lambda tree: depth(tree) <= 10))
def test_a_tree_is_read_back_from_its_text(tree: Filter) -> None:
    assert shape(parse_filter(text_of(tree))) == shape(tree)


LOOKS_LIKE_ONE = st.lists(
    st.sampled_from([
        *FIELDS, *"()-*'\"\\.", " ",
        "AND", "OR", "NOT", "=", "!=", "<=", ":", "1", "STATE_ON", "2026-01-01T00:00:00Z"]),
    max_size=30,
).map("".join)  # fmt: skip


@given(text=st.text(max_size=60) | LOOKS_LIKE_ONE)
@settings(max_examples=1_000)
def test_any_text_is_a_filter_or_refused_with_a_position_in_it(text: str) -> None:
    parameters = Parameters()
    try:
        tree = parse_filter(text)
        sql = filter_sql(tree, FIELDS, parameters, organization="acme", searched=SEARCHED) if tree else "true"
    except FilterError as error:
        position = error.position
        assert 0 <= position <= len(text)
    except ForeignNameError:
        assert "organizations/" in text
    else:
        allowed = (
            r"[() ]|t\.(text|name|state|time|number|flag)\b|\$\d+(::\w+)?|AND|OR|IS NOT (TRUE|NULL)|I?LIKE|[<>=]+|true"
        )
        assert re.fullmatch(f"({allowed})*", sql), "no text of the filter may be in the statement"


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "corpus" / "filters").glob("ok_*")))
def test_the_corpus_works_with_unknown_fields(path: Path) -> None:
    tree = parse_filter(path.read_text(encoding="utf-8"))
    if isinstance(tree, Comparison) and tree.field not in FIELDS:
        with pytest.raises(FilterError, match="the fields are flag, name, number, state, text, time"):
            filter_sql(tree, FIELDS, Parameters(), organization="acme")
