"""The calls that a simulation serves: skewed organizations whose calls come in bursts."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random


@dataclass(frozen=True)
class Load:
    """How many calls come, and whose they are."""

    calls_per_second: float
    organizations: int = 200
    largest_share: float = 0.3
    """Of the calls, those of the largest organization. The others have shares as one over their rank."""
    burst_factor: float = 3.0
    """How many times as many calls an organization makes during a burst as otherwise."""
    burst_share: float = 0.1
    """In how much of the time it has one."""
    burst_s: float = 0.5
    """How long one lasts."""

    @property
    def shares(self) -> list[float]:
        """Those of the organizations, the largest first."""
        others = [1 / rank for rank in range(1, self.organizations)]
        if not others:
            return [1.0]
        rest = (1 - self.largest_share) / sum(others)
        return [self.largest_share, *(rest * one for one in others)]


def arrivals(load: Load, random: Random) -> Iterator[tuple[float, int]]:
    """Yields the time of each call and the number of its organization, without end. 0 is the largest.

    Within the time of a burst, arrivals are a Poisson process.
    """
    mean_factor = 1 + load.burst_share * (load.burst_factor - 1)
    base = [load.calls_per_second * share / mean_factor for share in load.shares]
    time_s, period = 0.0, 0
    while True:
        end_s = (period + 1) * load.burst_s
        factors = (load.burst_factor if random.random() < load.burst_share else 1.0 for _ in base)
        bounds = list(accumulate(rate * factor for rate, factor in zip(base, factors, strict=True)))
        time_s = max(time_s, period * load.burst_s)
        while (time_s := time_s + random.expovariate(bounds[-1])) < end_s:
            yield time_s, min(bisect(bounds, random.random() * bounds[-1]), len(bounds) - 1)
        time_s, period = end_s, period + 1
