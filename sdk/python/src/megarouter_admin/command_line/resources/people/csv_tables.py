"""Reads and writes CSV files as spreadsheets make and take them. Pure.

A file may have a byte order mark, commas, semicolons or tabs, any line ends, and line ends inside of quotes. A cell that a
spreadsheet would evaluate as a formula is written with an apostrophe before it, which reading takes away (OWASP, CSV injection).
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 20_000_000
MAX_ROWS: Final = 50_000
_MAX_CELL_CHARACTERS: Final = 20_000
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_DELIMITERS: Final = ",;\t"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a file."""

    line: int
    """The line on which it begins, from 1; the header is on line 1."""
    cells: Mapping[str, str]
    """Cells by column, without blanks around them."""
    problem: str = ""
    """Why the row cannot be read; empty if it can."""


def read_table(content: bytes, aliases: Mapping[str, Sequence[str]], required: str) -> list[TableRow]:
    """Returns the rows of a file, without empty ones.

    Args:
        content: of the file.
        aliases: the ways to write the name of each column. Case, blanks and `-_/.` do not matter.
        required: a column that the file must have.

    Raises:
        ValueError: the file is too large, is no text, is no table, or has an unknown, repeated or missing column.
    """
    text = _decoded(content)
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[TableRow] = []
    columns: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if columns is None:
                columns = _columns(cells, aliases, required)
            elif any(cell.strip() for cell in cells):
                rows.append(_row(line, columns, cells))
            if len(rows) > MAX_ROWS:
                raise ValueError(f"the file has more than {MAX_ROWS:,} rows: split it")
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {line} is no row of a CSV file ({error}): a quote may be missing") from error
    if columns is None:
        raise ValueError(f"the file is empty: its first line must name the columns, such as {', '.join(aliases)}")
    return rows


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns the text of a file with a header (RFC 4180: lines end with CR LF)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise ValueError(f"the file has more than {MAX_BYTES:,} bytes: split it")
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError("the file is not UTF-8: save it as `CSV UTF-8`") from error
    if "\0" in text:
        raise ValueError("the file has NUL characters, so it is no CSV file: save it as `CSV UTF-8`")
    return text


def _columns(header: Sequence[str], aliases: Mapping[str, Sequence[str]], required: str) -> list[str]:
    by_alias = {_plain(alias): column for column, names in aliases.items() for alias in (column, *names)}
    columns: list[str] = []
    for number, title in enumerate(header, start=1):
        column = by_alias.get(_plain(title))
        if column is None:
            known = ", ".join(aliases)
            raise ValueError(
                f"column {number} has the unknown title {title.strip()!r}: remove it, or use one of {known}"
            )
        if column in columns:
            raise ValueError(f"column {number}, {title.strip()!r}, is there twice: keep one {column}")
        columns.append(column)
    if required not in columns:
        raise ValueError(f"the file has no column {required}: its first line must name the columns")
    return columns


def _row(line: int, columns: Sequence[str], cells: Sequence[str]) -> TableRow:
    if len(cells) > len(columns):
        problem = (
            f"has {len(cells)} cells, and the header {len(columns)}: put cells that contain the delimiter in quotes"
        )
        return TableRow(line, {}, problem)
    if any(len(cell) > _MAX_CELL_CHARACTERS for cell in cells):
        return TableRow(
            line, {}, f"has a cell of more than {_MAX_CELL_CHARACTERS:,} characters: a quote may be missing"
        )
    return TableRow(line, {column: _bare(cell) for column, cell in zip(columns, cells, strict=False)})


def _bare(cell: str) -> str:
    """Returns a cell without blanks around it, and without the apostrophe that made it harmless."""
    text = cell[1:] if cell.startswith("'") and _is_formula(cell) else cell
    return text.strip()


def _harmless(cell: str) -> str:
    return f"'{cell}" if _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would evaluate the cell, were it not for apostrophes."""
    return cell.lstrip("'").startswith(_FORMULA_STARTS)


def _plain(title: str) -> str:
    return "".join(sign for sign in title.casefold() if sign.isalnum())
