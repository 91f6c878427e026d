"""The decision on one call, whatever transport brings it."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final

from envoy.service.ratelimit.v3 import rls_pb2
from redis.exceptions import OutOfMemoryError

from gateway_core.domain.rate_limits import CounterState, Demand, merge_demands
from gateway_core.edges.redis.connections import UNAVAILABLE
from gateway_core.edges.redis.rate_counters import RateCounters
from ratelimit_service.answers import answer
from ratelimit_service.descriptors import DOMAIN, read_call
from ratelimit_service.ruled_calls import answer_ruled, read_ruled_call
from ratelimit_service.rules import Rules

DECISION_TIMEOUT_S: Final = 0.7
"""Below the second that Envoy waits."""


class CountersUnavailableError(Exception):
    """Redis does not answer in time: the call must be refused as unavailable, never let through."""


class RateLimitHandler:
    """Answers ShouldRateLimit."""

    def __init__(self, counters: RateCounters, rules: Callable[[], Rules | None] = lambda: None) -> None:
        """Prepares a handler.

        Args:
            counters: of Redis.
            rules: of other domains than the gateway's own; None: there are no other domains.
        """
        self._counters = counters
        self._rules = rules

    async def should_rate_limit(self, request: rls_pb2.RateLimitRequest) -> rls_pb2.RateLimitResponse:
        """Takes the call's hits from every counter it names, or from none, and says which.

        Raises:
            InvalidDescriptorsError: the request is not one of ours.
            CountersUnavailableError: Redis cannot answer.
        """
        rules = None if request.domain == DOMAIN else self._rules()
        if rules is not None:
            ruled = read_ruled_call(request, rules)
            return answer_ruled(ruled, await self._take(ruled.demands))
        call = read_call(request)
        return answer(call, await self._take(chain.from_iterable(call.descriptors)))

    async def _take(self, demands: Iterable[Demand | None]) -> list[CounterState]:
        merged = merge_demands(demand for demand in demands if demand)
        if not merged:
            return []
        try:
            async with asyncio.timeout(DECISION_TIMEOUT_S):
                return await self._counters.take(merged)
        except (*UNAVAILABLE, OutOfMemoryError) as error:
            raise CountersUnavailableError("the rate counters cannot be reached") from error
