"""Compares what a call costs without and with something, so that neither the machine nor a drift of it decides the figure.

Short runs without and with alternate in one process, so what else the machine does meets both. Each pair of runs gives a ratio. The
median of the ratios counts, with the interval that holds 95 % of the medians of resampled pairs.
"""

import random
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

_RESAMPLES: Final = 2_000
_WARMING: Final = 2
"""Pairs that do not count."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """CPU time of a call in microseconds, without and with something."""

    without_us: Sequence[float]
    with_us: Sequence[float]

    def __str__(self) -> str:
        ratios = [one / other for one, other in zip(self.with_us, self.without_us, strict=True)]
        chance = random.Random(1)  # noqa: S311 - no secret
        medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES))
        low, high = medians[_RESAMPLES * 25 // 1_000], medians[_RESAMPLES * 975 // 1_000]
        return (
            f"{statistics.median(self.without_us):.1f} µs without, {statistics.median(self.with_us):.1f} µs with:"
            f" {_percent(statistics.median(ratios))} ({_percent(low)} to {_percent(high)}, {len(ratios)} pairs)"
        )


async def compare(run: Callable[[bool], Awaitable[float]], pairs: int) -> Comparison:
    """Makes runs without and with in turn. Each pair begins with the other kind.

    Args:
        run: makes a run without or with it, and returns the CPU time of a call in microseconds.
        pairs: how many pairs count.
    """
    spent_us: dict[bool, list[float]] = {False: [], True: []}
    for pair in range(-_WARMING, pairs):
        for has_it in (False, True) if pair % 2 else (True, False):
            spent_us[has_it].append(await run(has_it))
    return Comparison(spent_us[False][_WARMING:], spent_us[True][_WARMING:])


def _percent(ratio: float) -> str:
    return f"{(ratio - 1) * 100:+.1f} %"
