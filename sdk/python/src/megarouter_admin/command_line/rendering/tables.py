"""Formats rows as tables for people. Pure."""

import enum
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from megarouter_admin.command_line.values.amounts import format_credits

Row = TypeVar("Row")
UNBOUNDED: Final = 10_000
"""A width that no line reaches, in characters. Used for pipes, which have no width."""
_WIDE: Final = frozenset({"F", "W"})
_ADDED: Final = frozenset({"Mc", "Me", "Mn"})
_GAP: Final = "  "
_BOLD: Final = "\x1b[1m{}\x1b[0m"


class Kind(enum.Enum):
    """How the cells of a column are written."""

    TEXT = enum.auto()
    NUMBER = enum.auto()
    """Integers, with thousands separators. None: an empty cell."""
    AMOUNT = enum.auto()
    """Nano-credits, shown as credits with aligned decimal points. None: an empty cell."""
    MEASURE = enum.auto()
    """Right-aligned text."""


@dataclass(frozen=True)  # dataclass slots do not work with Generic
class Column(Generic[Row]):
    """A column: its title, and the function that returns its value for a row."""

    title: str
    value: Callable[[Row], Any]
    kind: Kind = Kind.TEXT


def table(columns: Sequence[Column[Row]], rows: Sequence[Row], width: int, *, colors: bool = False) -> str:
    """Returns the table as text, without trailing spaces.

    Args:
        columns: from left to right.
        rows: from top to bottom.
        width: characters per line. Cells that do not fit wrap.
        colors: whether escape sequences make the heading bold.
    """
    drawn_columns = []
    for column in columns:
        cells = [column.title, *_cells(column, rows)]
        if column.kind is not Kind.TEXT:
            longest = max(map(len, cells))
            cells = [cell.rjust(longest) for cell in cells]
        drawn_columns.append(DrawnColumn(cells, may_fold=column.kind is Kind.TEXT))
    lines = lines_that_fit(drawn_columns, width, colors=colors)
    if lines is None:
        # Imported late: rich takes as long to load as the rest of a command, and most tables need no wrapping.
        from megarouter_admin.command_line.rendering.folding import folded_lines  # noqa: PLC0415

        lines = folded_lines(drawn_columns, width, colors=colors)
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """A column whose cells are formatted."""

    cells: Sequence[str]
    """The title, then one text for each row."""
    may_fold: bool
    """Whether its cells may wrap."""


def lines_that_fit(columns: Sequence[DrawnColumn], width: int, *, colors: bool) -> list[str] | None:
    """Returns the lines of a table, or None if a cell must wrap or a character does not have single width."""
    widths = [max(map(len, column.cells)) for column in columns]
    texts = [cell for column in columns for cell in column.cells]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > width or not all(map(_takes_a_place_each, texts)):
        return None
    lines = [
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*(column.cells for column in columns), strict=True)
    ]
    return [_BOLD.format(lines[0]), *lines[1:]] if colors else lines


def _takes_a_place_each(text: str) -> bool:
    """Returns whether every character has single width on a terminal: none is wide, and none combines with the one before."""
    if text.isascii():
        return text.isprintable()
    return all(
        sign.isprintable()
        and unicodedata.east_asian_width(sign) not in _WIDE
        and unicodedata.category(sign) not in _ADDED
        for sign in text
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Returns one line for each (title, value) pair, with aligned values. Pairs without a value are left out."""
    known = [(title, value) for title, value in pairs if value]
    longest = max((len(title) for title, _ in known), default=0)
    return "\n".join(f"{title:<{longest}}  {value}" for title, value in known)


def aligned_amounts(amounts: Sequence[int | None]) -> list[str]:
    """Formats nano-credits as credits, padded so that their decimal points align when the texts are right-aligned."""
    texts = ["" if amount is None else format_credits(amount) for amount in amounts]
    longest = max((len(text.rpartition(".")[2]) for text in texts if text), default=0)
    return [text and text + " " * (longest - len(text.rpartition(".")[2])) for text in texts]


def _cells(column: Column[Row], rows: Sequence[Row]) -> list[str]:
    values = [column.value(row) for row in rows]
    if column.kind is Kind.AMOUNT:
        return aligned_amounts(values)
    if column.kind is Kind.NUMBER:
        return ["" if value is None else f"{value:,}" for value in values]
    return [str(value) for value in values]
