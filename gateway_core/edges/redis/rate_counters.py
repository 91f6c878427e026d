"""Rate counters in Redis: one script and one round trip decide on all limits of a call."""

from collections.abc import Sequence
from importlib import resources
from typing import Final

from gateway_core.domain.rate_limits import SLICES_PER_WINDOW, CounterState, Demand
from gateway_core.edges.redis.pipelined import ScriptClient

MAX_HITS: Final = 2**32
"""Above every limit (32 bits), and far below where a Lua number stops being exact."""

_NEVER: Final = -1
_VALUES_PER_COUNTER: Final = 4


def windowed_script(name: str) -> str:
    """The source of a script that counts over sliding windows."""
    folder = resources.files("gateway_core.edges.redis")
    window, script = ((folder / part).read_text(encoding="utf-8") for part in ("sliding_window.lua", name))
    return f"local SLICES = {SLICES_PER_WINDOW}\n{window}\n{script}"


class RateCounters:
    """The counters of every organization over one Redis."""

    def __init__(self, client: ScriptClient) -> None:
        self._take = client.register_script(windowed_script("rate_counters.lua"))

    async def take(self, demands: Sequence[Demand]) -> list[CounterState]:
        """Takes what a call demands, from every counter or from none.

        Args:
            demands: at least one, no two for one counter, all of one organization (its keys share a slot of a cluster).

        Returns:
            The states in the order of the demands. The call is admitted if all of them fit but those in shadow mode.

        Raises:
            gateway_core.edges.redis.connections.UNAVAILABLE: Redis cannot answer; the hits may have been counted.
        """
        arguments: list[int] = []
        for demand in demands:
            hits = min(demand.hits, MAX_HITS)
            arguments += [demand.limit, demand.counter.unit.slice_us, hits, int(demand.shadow)]
        answer = await self._take(keys=[demand.counter.key() for demand in demands], args=arguments)
        return [
            _state(demand, answer[index * _VALUES_PER_COUNTER : (index + 1) * _VALUES_PER_COUNTER])
            for index, demand in enumerate(demands)
        ]


def _state(demand: Demand, values: Sequence[int]) -> CounterState:
    fits, remaining, wait_us, reset_us = values
    return CounterState(demand, bool(fits), remaining, None if wait_us == _NEVER else wait_us, reset_us)
