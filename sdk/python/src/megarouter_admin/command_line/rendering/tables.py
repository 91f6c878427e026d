"""Tables for people, from whatever the API answers. Pure: rows in, text out."""

import enum
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from megarouter_admin.command_line.values.amounts import format_credits

Row = TypeVar("Row")
UNBOUNDED: Final = 10_000
"""A width that no line reaches: a pipe has none of its own."""
_WIDE: Final = frozenset({"F", "W"})
_ADDED: Final = frozenset({"Mc", "Me", "Mn"})
_GAP: Final = "  "
_BOLD: Final = "\x1b[1m{}\x1b[0m"


class Kind(enum.Enum):
    """How the cells of a column are written."""

    TEXT = enum.auto()
    NUMBER = enum.auto()
    """Whole numbers, with separators of thousands. None: an empty cell."""
    AMOUNT = enum.auto()
    """Nano-credits, as credits whose decimal points stand in line. None: an empty cell."""
    MEASURE = enum.auto()
    """Texts to the right."""


@dataclass(frozen=True)  # slots and type arguments do not go together
class Column(Generic[Row]):
    """A column: its title, and what of a row stands in it."""

    title: str
    value: Callable[[Row], Any]
    kind: Kind = Kind.TEXT


def table(columns: Sequence[Column[Row]], rows: Sequence[Row], width: int, *, colours: bool = False) -> str:
    """The table, a line for each row, without blanks at the ends of lines.

    Args:
        columns: from left to right.
        rows: from top to bottom.
        width: characters there are in a line; cells that do not fit go on in a further line.
        colours: whether the heading is bold, by escape sequences.
    """
    drawn_columns = []
    for column in columns:
        cells = [column.title, *_cells(column, rows)]
        if column.kind is not Kind.TEXT:
            longest = max(map(len, cells))
            cells = [cell.rjust(longest) for cell in cells]
        drawn_columns.append(DrawnColumn(cells, may_fold=column.kind is Kind.TEXT))
    lines = lines_that_fit(drawn_columns, width, colours=colours)
    if lines is None:
        # Imported here: it takes as long to load as the rest of a command, and most tables need no folding.
        from megarouter_admin.command_line.rendering.folding import folded_lines  # noqa: PLC0415

        lines = folded_lines(drawn_columns, width, colours=colours)
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class DrawnColumn:
    """A column as texts."""

    cells: Sequence[str]
    """The first is the title."""
    may_fold: bool


def lines_that_fit(columns: Sequence[DrawnColumn], width: int, *, colours: bool) -> list[str] | None:
    """The lines of a table in which each character takes one place and no cell must be folded; None for any other."""
    widths = [max(map(len, column.cells)) for column in columns]
    texts = [cell for column in columns for cell in column.cells]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > width or not all(map(_takes_a_place_each, texts)):
        return None
    lines = [
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*(column.cells for column in columns), strict=True)
    ]
    return [_BOLD.format(lines[0]), *lines[1:]] if colours else lines


def _takes_a_place_each(text: str) -> bool:
    """Whether every character takes one place on a terminal: none is wide, none is added to the one before."""
    if text.isascii():
        return text.isprintable()
    return all(
        sign.isprintable()
        and unicodedata.east_asian_width(sign) not in _WIDE
        and unicodedata.category(sign) not in _ADDED
        for sign in text
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """One thing, a line for each fact; facts without a value are left out."""
    known = [(title, value) for title, value in pairs if value]
    longest = max((len(title) for title, _ in known), default=0)
    return "\n".join(f"{title:<{longest}}  {value}" for title, value in known)


def aligned_amounts(amounts: Sequence[int | None]) -> list[str]:
    """Amounts as credits, their decimal points in line when they stand to the right."""
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
