"""Rate counters in Redis. One script decides all limits of a call, and all calls that arrive together."""

from collections.abc import Awaitable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

from gateway_core.model.limits.rate_limits import CounterState, Demand
from gateway_core.stores.redis.gathering import Gathering
from gateway_core.stores.redis.pipelined import ScriptClient
from gateway_core.stores.redis.scripts import DECISIONS, WINDOWS, script_source

MAX_HITS: Final = 2**32
"""Above every limit (32 bits), and far below the integers that a Lua number cannot represent."""

_NEVER: Final = -1
_VALUES_PER_COUNTER: Final = 4

_Asked = tuple[str, Sequence[Demand]]
"""The id of a call, and what it demands."""


class RateCounters:
    """The counters of every organization in one Redis."""

    def __init__(self, client: ScriptClient) -> None:
        self._script = client.register_script(script_source("rate_counters.lua", WINDOWS, DECISIONS))
        self._gathering: Gathering[_Asked, list[CounterState]] = Gathering(self._send)

    def take(self, demands: Sequence[Demand], call_id: str = "") -> Awaitable[list[CounterState]]:
        """Takes what a call demands, from every counter or from none.

        Args:
            demands: at least one, each for another counter, all of one organization (its keys share a slot of a cluster).
            call_id: names the call. If it is asked about again within 5 seconds, by any replica, the first decision stands and
                it is not counted again, unless the organization makes more than 4,000 limited calls a second. Empty: it is
                counted each time.

        Returns:
            The states in the order of the demands. The call is admitted if all demands fit, except those in shadow mode.
            Of the quotas at least one must fit.

        Raises:
            gateway_core.stores.redis.connections.UNAVAILABLE: Redis cannot answer. The hits may have been counted.
        """
        return self._gathering.ask(demands[0].counter.owner, (call_id, demands))

    async def _send(self, owner: str, calls: Sequence[_Asked]) -> Sequence[list[CounterState]]:
        places: dict[str, int] = {}
        arguments: list[int | str] = []
        for call_id, demands in calls:
            arguments += (call_id, len(demands))
            for demand in demands:
                place = places.setdefault(demand.counter.key(), len(places) + 1)
                hits = min(demand.hits, MAX_HITS)
                arguments += (place, demand.limit, demand.counter.unit.slice_us, hits, _mode(demand))
        values = iter(await self._script(keys=[*_decisions_keys(owner), *places], args=arguments))
        # Four values for each counter, in the order of the calls.
        return [[_state(demand, *islice(values, _VALUES_PER_COUNTER)) for demand in demands] for _, demands in calls]


@lru_cache(maxsize=16_384)
def _decisions_keys(owner: str) -> tuple[str, str]:
    """Returns the keys of the decisions that stand when a question is repeated."""
    return f"mr:{{{owner}}}:rd:0", f"mr:{{{owner}}}:rd:1"


def _mode(demand: Demand) -> int:
    return int(demand.shadow) or 2 * demand.quota


def _state(demand: Demand, fits: int, remaining: int, wait_us: int, reset_us: int) -> CounterState:
    return CounterState(demand, bool(fits), remaining, None if wait_us == _NEVER else wait_us, reset_us)
