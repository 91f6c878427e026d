"""What counts against the limits of a call at one moment, as an explanation reads it from Redis and PostgreSQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.rate_limits import CounterState, Demand, RateCounter
from gateway_core.model.limits.throttles import Throttle


@dataclass(frozen=True, slots=True)
class Spend:
    """A budget counter, or the credit pool with its balance in place of what is settled; nano-credits."""

    settled_nano_credits: int = 0
    held_nano_credits: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """A rate or a throttle: what counts now, and what waiting brings."""

    used: int = 0
    wait_us: int | None = 0
    """Until the call would fit; None when it never will. Meaningless where it fits."""
    reset_us: int = 0
    """Until the whole limit is free again; 0 when unknown."""

    def state_of(self, demand: Demand) -> CounterState:
        """How a demand would fare on a counter with this usage; `rate_counters.lua` decides the same."""
        hits = max(demand.hits, 1)
        fits = self.used + hits <= demand.limit
        wait_us = None if hits > demand.limit else self.wait_us
        return CounterState(demand, fits, max(0, demand.limit - self.used), 0 if fits else wait_us, self.reset_us)


@dataclass(frozen=True, slots=True)
class LiveCounters:
    """What counts at one moment. An absent entry is zero."""

    pool: Spend
    spend: Mapping[Counter, Spend] = field(default_factory=dict)
    throttles: Mapping[Throttle, Usage] = field(default_factory=dict)
    requests: Mapping[RateCounter, Usage] = field(default_factory=dict)
    """Of every limit of requests."""
