"""Formats rows as tables for people. Pure."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Generic, TypeVar

from megarouter_admin.command_line.rendering.characters import isolated, visible, width_of
from megarouter_admin.command_line.rendering.folding import Extent, extent_of, fitted, folded
from megarouter_admin.command_line.values.amounts import format_credits

Row = TypeVar("Row")
UNBOUNDED: Final = 10_000_000
"""A width that no line reaches, in cells. Used for pipes, which have no width: their lines are never folded."""
WIDEST_CHART: Final = 30
_NARROWEST_CHART: Final = 10
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
    CHART = enum.auto()
    """A drawing that is at most as wide as the terminal has room for: a function of its width in cells. It is never folded."""


_LEFT: Final = frozenset({Kind.TEXT, Kind.CHART})


@dataclass(frozen=True)  # dataclass slots do not work with Generic
class Column(Generic[Row]):
    """A column: its title, and the function that returns its value for a row."""

    title: str
    value: Callable[[Row], Any]
    kind: Kind = Kind.TEXT
    may_hide: bool = False
    """Whether it is left out of a terminal that has no room for it beside a whole first column."""


def table(columns: Sequence[Column[Row]], rows: Sequence[Row], width: int, *, terminal: bool = False) -> str:
    """Returns the table as text, without trailing spaces.

    Args:
        columns: from left to right.
        rows: from top to bottom.
        width: cells per line. Text that does not fit wraps.
        terminal: whether the heading is bold, and right-to-left text is isolated from the columns beside it.
    """
    cells = [[column.title, *map(visible, _cells(column, rows))] for column in columns]
    extents = [_extent(column, texts) for texts, column in zip(cells, columns, strict=True)]
    shown = _shown(columns, extents, [any(texts[1:]) for texts in cells], width)
    columns, cells, extents = [columns[at] for at in shown], [cells[at] for at in shown], [extents[at] for at in shown]
    widths = fitted(extents, width - len(_GAP) * (len(columns) - 1))
    cells = [
        [texts[0], *_drawn(column, rows, taken)] if column.kind is Kind.CHART else texts
        for column, texts, taken in zip(columns, cells, widths, strict=True)
    ]
    lines = []
    for row in zip(*cells, strict=True):
        parts = [folded(text, taken) for text, taken in zip(row, widths, strict=True)]
        for line in zip_longest(*parts, fillvalue=""):
            drawn = [
                _padded(text, taken, right=column.kind not in _LEFT, terminal=terminal)
                for text, taken, column in zip(line, widths, columns, strict=True)
            ]
            lines.append(_GAP.join(drawn).rstrip())
    if terminal:
        lines[0] = _BOLD.format(lines[0])
    return "\n".join(lines)


def _extent(column: Column[Row], texts: Sequence[str]) -> Extent:
    if column.kind is Kind.CHART:
        return Extent(max(map(width_of, texts)), _NARROWEST_CHART, may_fold=True)
    return extent_of(texts, may_fold=column.kind is Kind.TEXT)


def _drawn(column: Column[Row], rows: Sequence[Row], width: int) -> list[str]:
    return [column.value(row)(min(width, WIDEST_CHART)) for row in rows]


def _shown(
    columns: Sequence[Column[Row]], extents: Sequence[Extent], has_text: Sequence[bool], width: int
) -> Sequence[int]:
    """Returns the columns that are shown.

    Those without any text give way to texts that would be folded. Of those that may hide, the last ones give way to a whole first
    column.
    """
    shown = list(range(len(columns)))
    if sum(extent.whole for extent in extents) + len(_GAP) * (len(columns) - 1) > width:
        shown = [at for at in shown if at == 0 or has_text[at]]
    for at in reversed(shown[1:]):
        room = width - len(_GAP) * (len(shown) - 1)
        if extents[0].least + sum(extents[one].narrowest for one in shown[1:]) <= room:
            break
        if columns[at].may_hide:
            shown.remove(at)
    return shown


def _padded(text: str, width: int, *, right: bool, terminal: bool) -> str:
    spaces = " " * (width - width_of(text))
    shown = isolated(text) if terminal else text
    return spaces + shown if right else shown + spaces


def facts(pairs: Sequence[tuple[str, str]], *, terminal: bool = False) -> str:
    """Returns one line for each (title, value) pair, with aligned values. Pairs without a value are left out."""
    known = [(title, visible(value)) for title, value in pairs if value]
    longest = max((len(title) for title, _ in known), default=0)
    return "\n".join(f"{title:<{longest}}  {isolated(value) if terminal else value}" for title, value in known)


def aligned_amounts(amounts: Sequence[int | None]) -> list[str]:
    """Formats nano-credits as credits, padded so that their decimal points align when the texts are right-aligned."""
    texts = ["" if amount is None else format_credits(amount) for amount in amounts]
    longest = max((len(text.rpartition(".")[2]) for text in texts if text), default=0)
    return [text and text + " " * (longest - len(text.rpartition(".")[2])) for text in texts]


def _cells(column: Column[Row], rows: Sequence[Row]) -> list[str]:
    if column.kind is Kind.CHART:
        return _drawn(column, rows, WIDEST_CHART)
    values = [column.value(row) for row in rows]
    if column.kind is Kind.AMOUNT:
        return aligned_amounts(values)
    if column.kind is Kind.NUMBER:
        return ["" if value is None else f"{value:,}" for value in values]
    return [str(value) for value in values]
