"""Decides about a call, over any transport."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Final

from envoy.service.ratelimit.v3 import rls_pb2
from redis.exceptions import OutOfMemoryError

from gateway_core.contract.metadata import RATE_LIMIT_DOMAIN
from gateway_core.model.limits.rate_limits import CounterState, Demand, merge_demands
from gateway_core.stores.redis.connections import UNAVAILABLE
from ratelimit_service.answers import Answer, answer, answered
from ratelimit_service.descriptors import DescribedCall, InvalidDescriptorsError, read_call
from ratelimit_service.rate_counters import RateCounters
from ratelimit_service.ruled_calls import answer_ruled, read_ruled_call
from ratelimit_service.rules import Rules

_REMEMBERED: Final = 16_384


class CountersUnavailableError(Exception):
    """Redis does not answer in time. The call must be refused as unavailable and never admitted."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a call in the gateway's own domain demands."""

    call: DescribedCall
    demands: Sequence[Demand]


@lru_cache(maxsize=_REMEMBERED)
def _read(request: bytes) -> _Asked | rls_pb2.RateLimitRequest:
    """Returns the demands of a request, or the request itself if its domain has rules.

    Cached, because all calls of a key send the same bytes.
    """
    message = rls_pb2.RateLimitRequest.FromString(request)
    if message.domain != RATE_LIMIT_DOMAIN:
        return message
    call = read_call(message)
    return _Asked(call, merge_demands(chain.from_iterable(call.descriptors)))


class RateLimitHandler:
    """Answers ShouldRateLimit."""

    def __init__(self, counters: RateCounters, rules: Callable[[], Rules | None] = lambda: None) -> None:
        """Prepares a handler.

        Args:
            counters: in Redis.
            rules: returns the rules of other domains, or None if only the gateway's own domain is served.
        """
        self._counters = counters
        self._rules = rules

    async def should_rate_limit(self, request: bytes) -> Answer:
        """Takes the call's hits from all of its counters or from none, and returns the response.

        Args:
            request: a serialized `RateLimitRequest`.

        Raises:
            DecodeError, InvalidDescriptorsError: the request is not valid.
            CountersUnavailableError: Redis cannot answer.
        """
        asked = _read(request)
        if isinstance(asked, _Asked):
            return answer(asked.call, await self._take(asked.demands))
        rules = self._rules()
        if rules is None:
            raise InvalidDescriptorsError(f"the domain must be {RATE_LIMIT_DOMAIN}")
        ruled = read_ruled_call(asked, rules)
        demands = merge_demands(demand for demand in ruled.demands if demand)
        return answered(answer_ruled(ruled, await self._take(demands)))

    async def _take(self, demands: Sequence[Demand]) -> list[CounterState]:
        if not demands:
            return []
        try:
            return await self._counters.take(demands)
        except (*UNAVAILABLE, OutOfMemoryError) as error:
            raise CountersUnavailableError("cannot reach the rate counters") from error
