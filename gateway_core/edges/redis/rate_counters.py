"""Rate counters in Redis: one script and one round trip decide on all limits of a call."""

from collections.abc import Sequence
from importlib import resources
from typing import Final

from redis.asyncio import Redis

from gateway_core.domain.rate_limits import SLICES_PER_WINDOW, CounterState, Demand

MAX_HITS: Final = 2**32
"""Above every limit (32 bits), and far below where a Lua number stops being exact."""

_NEVER: Final = -1
_VALUES_PER_COUNTER: Final = 4


class RateCounters:
    """The counters of every organization over one Redis."""

    def __init__(self, client: Redis) -> None:
        script = resources.files("gateway_core.edges.redis") / "rate_counters.lua"
        self._take = client.register_script(script.read_text(encoding="utf-8"))

    async def take(self, demands: Sequence[Demand]) -> list[CounterState]:
        """Takes what a call demands, from every counter or from none.

        Args:
            demands: at least one, no two for one counter, all of one organization (its keys share a slot of a cluster).

        Returns:
            The states in the order of the demands. The call is admitted if all of them fit.

        Raises:
            gateway_core.edges.redis.connections.UNAVAILABLE: Redis cannot answer; the hits may have been counted.
        """
        arguments = [SLICES_PER_WINDOW]
        for demand in demands:
            arguments += [demand.limit, demand.counter.unit.slice_us, min(demand.hits, MAX_HITS)]
        answer = await self._take(keys=[demand.counter.key() for demand in demands], args=arguments)
        return [
            _state(demand, answer[index * _VALUES_PER_COUNTER : (index + 1) * _VALUES_PER_COUNTER])
            for index, demand in enumerate(demands)
        ]


def _state(demand: Demand, values: Sequence[int]) -> CounterState:
    fits, remaining, wait_us, reset_us = values
    return CounterState(demand, bool(fits), remaining, None if wait_us == _NEVER else wait_us, reset_us)
