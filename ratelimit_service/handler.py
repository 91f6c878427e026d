"""The decision on one call, whatever transport brings it."""

import asyncio
from typing import Final

from envoy.service.ratelimit.v3 import rls_pb2
from redis.exceptions import OutOfMemoryError

from gateway_core.domain.rate_limits import merge_demands
from gateway_core.edges.redis.connections import UNAVAILABLE
from gateway_core.edges.redis.rate_counters import RateCounters
from ratelimit_service.answers import answer
from ratelimit_service.descriptors import read_call

DECISION_TIMEOUT_S: Final = 0.7
"""Below the second that Envoy waits."""


class CountersUnavailableError(Exception):
    """Redis does not answer in time: the call must be refused as unavailable, never let through."""


class RateLimitHandler:
    """Answers ShouldRateLimit."""

    def __init__(self, counters: RateCounters) -> None:
        self._counters = counters

    async def should_rate_limit(self, request: rls_pb2.RateLimitRequest) -> rls_pb2.RateLimitResponse:
        """Takes the call's hits from every counter it names, or from none, and says which.

        Raises:
            InvalidDescriptorsError: the request is not one of ours.
            CountersUnavailableError: Redis cannot answer.
        """
        call = read_call(request)
        demands = merge_demands(demand for demand in call.demands if demand)
        if not demands:
            return answer(call, [])
        try:
            async with asyncio.timeout(DECISION_TIMEOUT_S):
                states = await self._counters.take(demands)
        except (*UNAVAILABLE, OutOfMemoryError) as error:
            raise CountersUnavailableError("the rate counters cannot be reached") from error
        return answer(call, states)
