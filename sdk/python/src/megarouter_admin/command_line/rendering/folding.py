"""Fits the cells of a table into the width of a terminal, without losing any of their text. Pure."""

from collections.abc import Sequence
from typing import Final

from megarouter_admin.command_line.rendering.characters import graphemes, width_of

NARROWEST: Final = 6
"""The width, in cells, below which no column is folded: a narrower one could not be read."""


def fitted(widths: Sequence[int], may_fold: Sequence[bool], room: int) -> list[int]:
    """Returns the width of every column, so that they take `room` cells together if that is possible.

    Columns that may fold share what the others leave: the widest ones give first.
    """
    flexible = sorted(width for width, folds in zip(widths, may_fold, strict=True) if folds)
    left = room - sum(width for width, folds in zip(widths, may_fold, strict=True) if not folds)
    longest = 0
    for index, width in enumerate(flexible):
        longest = max(left // (len(flexible) - index), NARROWEST)
        if width > longest:
            break
        left -= width
        longest = width
    return [min(width, longest) if folds else width for width, folds in zip(widths, may_fold, strict=True)]


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
    pieces, taken = [""], 0
    for grapheme in graphemes(word):
        cells = width_of(grapheme)
        if pieces[-1] and taken + cells > width:
            pieces.append("")
            taken = 0
        pieces[-1] += grapheme
        taken += cells
    return pieces
