"""Compares conversations that were routed with those that the baseline served. Pure."""

import math
from dataclasses import dataclass
from typing import Final

_DEVIATIONS: Final = 1.96
"""Of a normal distribution, 95 of 100 values are so close to its middle."""
_SESSIONS_MIN: Final = 2


@dataclass(frozen=True, slots=True)
class Sessions:
    """Conversations of one arm."""

    count: int = 0
    mean_cost: float = 0.0
    """Of a conversation."""
    variance: float = 0.0
    """Of what a conversation costs."""
    call_count: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Shares of what the baseline costs."""

    saved: float
    low: float
    """Lower end of the interval that contains the true value in 95 of 100 cases."""
    high: float


def estimate(routed: Sessions, held_out: Sessions) -> Estimate | None:
    """Returns what a routed conversation cost less; None if there are too few to say.

    The interval is that of the logarithm of the ratio of two means, so that it never promises more than everything.
    """
    if min(routed.count, held_out.count) < _SESSIONS_MIN or min(routed.mean_cost, held_out.mean_cost) <= 0:
        return None
    ratio = routed.mean_cost / held_out.mean_cost
    deviation = math.sqrt(sum(one.variance / one.count / one.mean_cost**2 for one in (routed, held_out)))
    spread = math.exp(_DEVIATIONS * deviation)
    return Estimate(1 - ratio, 1 - ratio * spread, 1 - ratio / spread)


def output_ratio(routed: Sessions, held_out: Sessions) -> float | None:
    """Returns how long the routed answers are, against those of the baseline; None without answers of both."""
    if not (routed.call_count and held_out.call_count and held_out.output_tokens):
        return None
    return (routed.output_tokens / routed.call_count) / (held_out.output_tokens / held_out.call_count)
