"""One structure for every chart: what is drawn, without how. Pages, terminals and files show the same numbers from it.

Values are integers. Nothing is rounded before it is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_TICKS: Final = 5
_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one thing, one for each bucket."""

    name: str
    values: tuple[int, ...]

    @property
    def total(self) -> int:
        """The sum of the values."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class StackedBars:
    """A bar for each bucket, with a segment for each series, the first at the bottom."""

    bucket_labels: tuple[str, ...]
    """Empty where a bucket has none, because there is no room."""
    series: tuple[Series, ...]

    @property
    def highest(self) -> int:
        """The largest sum of a bucket. Values below zero are not drawn and not counted."""
        sums = (sum(max(0, one.values[at]) for one in self.series) for at in range(len(self.bucket_labels)))
        return max(sums, default=0)


def nice_ticks(highest: int) -> tuple[int, ...]:
    """Returns round values from 0 up to the first one that is not below `highest`, at most `MAX_TICKS` and 0."""
    if highest <= 0:
        return (0,)
    scale = 1
    while True:
        for step in _STEPS:
            if step * scale * MAX_TICKS >= highest:
                count = -(-highest // (step * scale))
                return tuple(step * scale * number for number in range(count + 1))
        scale *= 10


def largest_and_others(series: Sequence[Series], most: int, others: str) -> tuple[Series, ...]:
    """Returns the first series, at most `most`, and if there are more, the sum of the rest under the name `others`."""
    if len(series) <= most:
        return tuple(series)
    rest = series[most - 1 :]
    summed = tuple(sum(values) for values in zip(*(one.values for one in rest), strict=True))
    return (*series[: most - 1], Series(others, summed))
