"""CSV files are read however a spreadsheet wrote them, and written so that none evaluates a cell."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from megarouter_admin.command_line.resources.people.csv_tables import MAX_BYTES, read_table, write_table

ALIASES = {"address": ("e-mail", "mail"), "name": ("display name",), "models": ()}


def cells(content: bytes) -> list[dict[str, str]]:
    return [dict(row.cells) for row in read_table(content, ALIASES, "address")]


def both(text: str) -> list[dict[str, str]]:
    return cells(text.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"address,name\nemma@acme.example,Emma\n",
        b"address,name\r\nemma@acme.example,Emma",
        b"address,name\remma@acme.example,Emma\r",
        b"\xef\xbb\xbfaddress;name\r\nemma@acme.example;Emma\r\n",
        b"E-Mail\tDisplay_Name\nemma@acme.example\tEmma\n",
        b' "Mail" , DISPLAY NAME \n emma@acme.example , Emma \n'.replace(b' "Mail" ', b'"Mail"'),
        "address,name\nemma@acme.example,Emma\n".encode("utf-16"),
        b"address,name\n\n,\nemma@acme.example,Emma\n  ,\n",
    ],
    ids=["plain", "crlf", "cr", "bom and semicolons", "tabs", "aliases and blanks", "utf-16", "empty lines"],
)
def test_the_same_table_is_read_from_every_form(content: bytes) -> None:
    assert cells(content) == [{"address": "emma@acme.example", "name": "Emma"}]


def test_a_cell_may_have_the_delimiter_quotes_and_line_ends() -> None:
    content = b'address,name\na@x.example,"Fischer, ""Emma""\nBerlin"\nb@x.example,B\n'
    rows = read_table(content, ALIASES, "address")
    assert rows[0].cells["name"] == 'Fischer, "Emma"\nBerlin'
    assert [row.line for row in rows] == [2, 4]


def test_missing_cells_are_empty_and_more_than_the_header_are_a_problem() -> None:
    short, long = read_table(b"address,name,models\na@x.example\nb@x.example,B,m,c\n", ALIASES, "address")
    assert (dict(short.cells), short.problem) == ({"address": "a@x.example"}, "")
    assert "has 4 cells, and the header 3" in long.problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"name\nEmma\n", "no column address"),
        (b"address,salary\n", "column 2 has the unknown title 'salary'"),
        (b"address,mail\n", "is there twice"),
        (b"address\n\xff\xfe\xff", "not UTF-8"),
        (b"address\na\0b", "NUL"),
        (b'address,name\na@x.example,"open\n', "line 2 is no row"),
        (b'address,name\na@x.example,"a"b\n', "line 2 is no row"),
        (b"x" * (MAX_BYTES + 1), "split it"),
        (b"address\n" + b"a@x.example\n" * 50_001, "split it"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_table(content, ALIASES, "address")


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0"])
def test_no_spreadsheet_evaluates_a_written_cell(text: str) -> None:
    """Seen to fail without the apostrophe."""
    written = write_table(["address"], [[text]])
    (_, (cell,)) = csv.reader(io.StringIO(written, newline=""))
    assert cell == f"'{text}"
    assert both(written) == [{"address": text.strip()}]


@example([["'=x", "''+y", "'z"]])
@given(st.lists(st.lists(st.text(max_size=20), min_size=3, max_size=3), max_size=5))
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    rows = [[cell.replace("\0", "").strip() for cell in row] for row in rows]
    content = write_table(list(ALIASES), rows).encode("utf-8", "surrogatepass")
    try:
        content.decode()
    except UnicodeDecodeError:
        return  # a lone surrogate is no text
    expected = [dict(zip(ALIASES, row, strict=True)) for row in rows if any(row)]
    assert cells(content) == expected
