"""Fits the cells of a table into the width of a terminal, without losing any of their text. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from megarouter_admin.command_line.rendering.characters import graphemes, width_of

NARROWEST: Final = 6
"""The width, in cells, below which no column is folded: a narrower one could not be read."""
LONGEST_WORD: Final = 30
"""The width, in cells, of the longest word that is kept whole if there is room: enough for an id and most e-mail addresses."""

SEPARATORS: Final = frozenset("/@-._")
"""Characters after which a long word is cut, if possible."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much room the cells of a column need, in cells of the terminal."""

    whole: int
    """The width of the widest text."""
    word: int
    """The width of the widest word."""
    may_fold: bool

    @property
    def least(self) -> int:
        """The width that keeps words whole."""
        return min(self.whole, max(min(self.word, LONGEST_WORD), NARROWEST)) if self.may_fold else self.whole

    @property
    def narrowest(self) -> int:
        """The smallest width."""
        return min(self.whole, NARROWEST) if self.may_fold else self.whole


def extent_of(texts: Sequence[str], *, may_fold: bool) -> Extent:
    """Returns the extent of a column with these cells."""
    whole = max(map(width_of, texts))
    word = max((width_of(word) for text in texts for word in text.split(" ")), default=0) if may_fold else whole
    return Extent(whole, word, may_fold)


def fitted(columns: Sequence[Extent], room: int) -> list[int]:
    """Returns the width of every column, so that they take at most `room` cells together if that is possible.

    Columns that fold give way, the widest first: down to their words, and if that is not enough, down to the narrowest; the first
    column last.
    """
    whole = [column.whole for column in columns]
    if sum(whole) <= room:
        return whole
    narrowest = [column.narrowest for column in columns]
    # The first column names the row, and is what people copy.
    named = [*(column.least for column in columns[:1]), *narrowest[1:]]
    lows = next((lows for lows in ([column.least for column in columns], named) if sum(lows) <= room), narrowest)

    def widths(most: int) -> list[int]:
        return [max(low, min(width, most)) for low, width in zip(lows, whole, strict=True)]

    most = bisect_right(range(max(whole) + 1), room, key=lambda most: sum(widths(most))) - 1
    return widths(most)


def folded(text: str, width: int) -> list[str]:
    """Returns the lines of a cell: broken at spaces, and within a word that is wider than the cell, between graphemes."""
    if width_of(text) <= width:
        return [text]
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width_of(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, width)
        lines += full
    return [*lines, line]


def _pieces(word: str, width: int) -> list[str]:
    """Returns a word in pieces that are at most `width` cells wide, cut after a separator where one is near the end."""
    pieces, piece, taken = list[str](), list[str](), 0
    for grapheme in graphemes(word):
        cells = width_of(grapheme)
        if piece and taken + cells > width:
            cut = next(
                (index for index in range(len(piece), len(piece) // 2, -1) if piece[index - 1] in SEPARATORS), None
            )
            pieces.append("".join(piece[:cut]))
            piece = piece[cut:] if cut else []
            taken = sum(map(width_of, piece))
        piece.append(grapheme)
        taken += cells
    return [*pieces, "".join(piece)]
