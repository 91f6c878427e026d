"""The grammar of filters (AIP-160): valid filters, and the position of the error in invalid ones."""

from pathlib import Path

import pytest

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
from tests.support.repository import ROOT

CORPUS = ROOT / "tests" / "corpus" / "filters"
GOOD = sorted(CORPUS.glob("ok_*.txt"))
BAD = sorted(CORPUS.glob("bad_*_at_*.txt"))


def shape(tree: Filter | None) -> object:
    match tree:
        case AllOf(parts):
            return ["and", *map(shape, parts)]
        case AnyOf(parts):
            return ["or", *map(shape, parts)]
        case Not(part):
            return ["not", shape(part)]
        case Comparison(field, operator, value):
            return f"{field} {operator} {value}"
        case Search(value):
            return value
    return None


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_valid_filter_is_read(path: Path) -> None:
    assert parse_filter(path.read_text(encoding="utf-8")) is not None or path.stem == "ok_empty"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_an_invalid_filter_is_refused_with_its_position(path: Path) -> None:
    """The file's name ends with the position of the error, counted from 1."""
    with pytest.raises(FilterError) as raised:
        parse_filter(path.read_text(encoding="utf-8"))
    assert raised.value.position + 1 == int(path.stem.rpartition("_")[2])
    assert str(raised.value).startswith(f"at character {raised.value.position + 1}: ")


def test_the_corpus_is_complete() -> None:
    assert (len(GOOD) >= 15, len(BAD) >= 20) == (True, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1 AND b = 2 OR c = 3", ["and", "a = 1", ["or", "b = 2", "c = 3"]]),
        ("a = 1 OR b = 2 AND c = 3", ["and", ["or", "a = 1", "b = 2"], "c = 3"]),
        ("(a = 1 AND b = 2) OR c = 3", ["or", ["and", "a = 1", "b = 2"], "c = 3"]),
        ("NOT a = 1 OR b = 2", ["or", ["not", "a = 1"], "b = 2"]),
        ("-(a = 1 OR b = 2)", ["not", ["or", "a = 1", "b = 2"]]),
    ],
)
def test_or_binds_tighter_than_and_but_not_tighter_than_not(text: str, expected: object) -> None:
    assert shape(parse_filter(text)) == expected


@pytest.mark.parametrize("operator", [operator for operator in Operator if operator is not Operator.IS_SET])
def test_every_operator_works_with_and_without_spaces(operator: Operator) -> None:
    for text in (f"a{operator}b", f" a  {operator}\n b "):
        tree = parse_filter(text)
        assert isinstance(tree, Comparison)
        assert (tree.field, tree.operator, tree.value) == ("a", operator, "b")


def test_an_unquoted_star_after_a_colon_means_that_a_field_is_set() -> None:
    assert shape(parse_filter("a:*")) == "a :* "
    assert shape(parse_filter('a:"*"')) == "a : *"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 2026-01-31T00:00:00+01:00", "2026-01-31T00:00:00+01:00"),
        ("a = -5", "-5"),
        ("a = organizations/acme/members/ann", "organizations/acme/members/ann"),
        (r'a = "\"\\\'"', "\"\\'"),
        ("a = 'say \"AND\" (now)'", 'say "AND" (now)'),
        ('a = ""', ""),
        ("a = ANDROID", "ANDROID"),
        ("a = straße", "straße"),
    ],
)
def test_values_are_read_with_quotes_escapes_and_names(text: str, value: str) -> None:
    tree = parse_filter(text)
    assert isinstance(tree, Comparison)
    assert tree.value == value


def test_a_filter_has_at_most_2000_bytes() -> None:
    assert parse_filter("a = " + "ü" * 998) is not None
    with pytest.raises(FilterError, match="at most 2000 bytes"):
        parse_filter("a = x" + "ü" * 998)
