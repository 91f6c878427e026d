"""Tables for people, from whatever the API answers. Pure: rows in, text out."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final, Generic, TypeVar

from rich.console import Console
from rich.table import Table

from megarouter_admin.command_line.amounts import format_credits

Row = TypeVar("Row")
UNBOUNDED: Final = 10_000
"""A width that no line reaches: a pipe has none of its own."""


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
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    drawn_columns = []
    for column in columns:
        cells = [column.title, *_cells(column, rows)]
        if column.kind is not Kind.TEXT:
            # Done here: rich drops the blanks behind a text that it moves to the right, and with them the line of the points.
            longest = max(map(len, cells))
            cells = [cell.rjust(longest) for cell in cells]
        drawn.add_column(cells[0], overflow="fold", no_wrap=column.kind is not Kind.TEXT)
        drawn_columns.append(cells[1:])
    for row in zip(*drawn_columns, strict=True):
        drawn.add_row(*row)
    return _text(drawn, width, colours=colours)


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


def _text(drawn: Table, width: int, *, colours: bool) -> str:
    out = StringIO()
    # Names are not markup: what looks like a tag or an emoji in one stays as it is.
    console = Console(
        file=out, width=width, markup=False, emoji=False, highlight=False, force_terminal=colours, no_color=not colours
    )
    console.print(drawn)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
