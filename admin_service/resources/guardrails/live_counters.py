"""What counts against the limits of a call at one moment, as an explanation reads it from Redis and PostgreSQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.rate_limits import CounterState, Demand, RateCounter
from gateway_core.model.limits.throttles import Throttle


@dataclass(frozen=True, slots=True)
class Spend:
    """A budget counter in nano-credits. For the credit pool, the settled amount is the balance."""

    settled_nano_credits: int = 0
    held_nano_credits: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """The state of a rate limit or throttle."""

    used: int = 0
    wait_us: int | None = 0
    """Microseconds until the call would fit; None if it never will. Ignored if it fits now."""
    reset_us: int = 0
    """Microseconds until the whole limit is free again; 0 if unknown."""

    def state_of(self, demand: Demand) -> CounterState:
        """Returns how a demand on a counter with this usage would end. `rate_counters.lua` decides the same."""
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
    """The usage of every limit on requests."""
    carried: Mapping[Counter, int] = field(default_factory=dict)
    """What is carried into the period of a counter, in nano-credits."""
    coming: Mapping[Counter, int] = field(default_factory=dict)
    """What the open calls of the period before keep from being carried, in nano-credits."""
