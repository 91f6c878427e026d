"""Draws a table of figures as shades. Pure.

Each shade has a glyph of its own, so the map can be read without color. Colors only add to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

SHADES: Final = "░▒▓█"
_NOTHING: Final = "·"
_WIDTH: Final = 80
_COLORS: Final = (151, 114, 71, 28)
"""Of the shades, in the palette of 256 colors."""
_COLORED: Final = "\x1b[38;5;{}m{}\x1b[0m"


@dataclass(frozen=True, slots=True)
class HeatMap:
    """What to draw."""

    rows: Sequence[str]
    """Their labels."""
    columns: int
    cells: Mapping[tuple[int, int], int]
    """Figures by row and column. A cell that is not there, such as an hour that the clocks skip, is left blank."""
    heads: Mapping[int, str]
    """Titles of some columns."""
    cell_width: int
    unit: str
    """Of the figures, for the legend."""


def bounds_of(values: Sequence[int]) -> list[int]:
    """Returns the largest figure of each shade, from the lightest.

    They are the quarters of all figures above 0, so one large figure does not dim the rest. Equal bounds are one.
    """
    above = sorted(value for value in values if value > 0)
    bounds = {above[max(len(above) * quarter // len(SHADES) - 1, 0)] for quarter in range(1, len(SHADES) + 1) if above}
    return sorted(bounds)


def heat_map(drawn: HeatMap, write: Callable[[int], str], *, colored: bool) -> str:
    """Returns the map with the total of each row, and a legend.

    Args:
        drawn: the figures.
        write: writes a figure for people.
        colored: also use colors.
    """
    bounds = bounds_of(list(drawn.cells.values()))
    left = max(map(len, drawn.rows), default=0) + 2
    lines = [" " * left + _head(drawn)]
    for number, label in enumerate(drawn.rows):
        found = [drawn.cells.get((number, column)) for column in range(drawn.columns)]
        shown = "".join(_cell(value, bounds, drawn.cell_width, colored=colored) for value in found)
        total = sum(value for value in found if value)
        lines.append(f"{label:<{left}}{shown}  {write(total) if total else ''}".rstrip())
    return "\n".join([*lines, "", *_legend(bounds, drawn.unit, write, colored=colored)]) + "\n"


def _head(drawn: HeatMap) -> str:
    line = [" "] * (drawn.columns * drawn.cell_width)
    for column, title in drawn.heads.items():
        start = column * drawn.cell_width
        line[start : start + len(title)] = title
    return "".join(line).rstrip()


def _cell(value: int | None, bounds: Sequence[int], width: int, *, colored: bool) -> str:
    if value is None:
        return " " * width
    if value <= 0:
        return _NOTHING.ljust(width)
    return _shade(_level(value, bounds), width, colored=colored)


def _level(value: int, bounds: Sequence[int]) -> int:
    level = next(index for index, bound in enumerate(bounds) if value <= bound)
    return level + len(SHADES) - len(bounds)


def _shade(level: int, width: int, *, colored: bool) -> str:
    text = SHADES[level] * width
    return _COLORED.format(_COLORS[level], text) if colored else text


def _legend(bounds: Sequence[int], unit: str, write: Callable[[int], str], *, colored: bool) -> list[str]:
    if not bounds:
        return ["no usage"]
    first = len(SHADES) - len(bounds)
    lines, length = [f"{_NOTHING}  nothing"], 10
    for index, bound in enumerate(bounds):
        text = f" up to {write(bound)}"
        entry = f"   {_shade(first + index, 2, colored=colored)}{text}"
        length += 5 + len(text)
        if length > _WIDTH:
            lines.append("")
            length = 5 + len(text)
        lines[-1] += entry
    return [*lines, f"   {unit}"]
