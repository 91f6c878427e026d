"""Draws bars and lines of figures with block characters. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_HEIGHTS: Final = "▁▂▃▄▅▆▇█"


def bar(value: int, largest: int, width: int) -> str:
    """Returns a bar that is `width` cells long for the largest value. Whatever is above 0 shows at least a thin line."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, value * width * 8 // largest)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def sparkline(values: Sequence[int], width: int) -> str:
    """Returns a line of at most `width` cells, each as high as the sum of the values that it stands for; a space stands for 0."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [index * len(values) // count for index in range(count + 1)]
    sums = [sum(values[first:last]) for first, last in pairwise(edges)]
    largest = max(sums)
    return "".join(" " if one <= 0 else _HEIGHTS[(one * len(_HEIGHTS) - 1) // largest] for one in sums)
