"""Decides about a call, over any transport."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from envoy.service.ratelimit.v3 import rls_pb2
from redis.exceptions import OutOfMemoryError

from gateway_core.contract.metadata import RATE_LIMIT_DOMAIN
from gateway_core.model.limits.rate_limits import CounterState, Demand, merge_demands
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.runtime.protobuf_wire import bytes_field
from gateway_core.stores.redis.connections import UNAVAILABLE
from ratelimit_service.answers import Answer, answer, answered
from ratelimit_service.descriptors import DescribedCall, InvalidDescriptorsError, read_call
from ratelimit_service.rate_counters import RateCounters
from ratelimit_service.ruled_calls import answer_ruled, read_ruled_call
from ratelimit_service.rules import Rules

_REMEMBERED: Final = 16_384
_ID_BYTES: Final = 31
"""The length of a hold's id."""
_BEFORE_ID: Final = bytes_field(2, b"?" * _ID_BYTES).removesuffix(b"?" * _ID_BYTES)
"""Before the value of an entry, which is the last of a request."""


class CountersUnavailableError(Exception):
    """Redis does not answer in time. The call must be refused as unavailable and never admitted."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a call in the gateway's own domain demands."""

    call: DescribedCall
    demands: Sequence[Demand]


class _Reader:
    """Reads requests. All calls of a key send the same bytes, but for the id of the call at the end, so they are read once."""

    def __init__(self) -> None:
        self._known: BoundedMemory[bytes, _Asked] = BoundedMemory(_REMEMBERED)
        """By the bytes before the id; by all bytes if a request does not end with an id."""

    def read(self, request: bytes) -> tuple[_Asked, str] | rls_pb2.RateLimitRequest:
        """Returns the demands of a request and the id of its call, or the request itself if its domain has rules."""
        start, call_id = request, b""
        if request[-_ID_BYTES - len(_BEFORE_ID) : -_ID_BYTES] == _BEFORE_ID and request[-_ID_BYTES:].isascii():
            start, call_id = request[:-_ID_BYTES], request[-_ID_BYTES:]
        asked = self._known.get(start)
        # A request that differs from a known one only in these bytes has them in the same place: as the id.
        if asked is not None:
            return asked, call_id.decode()
        message = rls_pb2.RateLimitRequest.FromString(request)
        if message.domain != RATE_LIMIT_DOMAIN:
            return message
        call = read_call(message)
        asked = _Asked(call, merge_demands(chain.from_iterable(call.descriptors)))
        if call.call_id.encode() == call_id:
            self._known.remember(start, asked)
        return asked, call.call_id


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
        self._reader = _Reader()

    async def should_rate_limit(self, request: bytes) -> Answer:
        """Takes the call's hits from all of its counters or from none, and returns the response.

        Args:
            request: a serialized `RateLimitRequest`.

        Raises:
            DecodeError, InvalidDescriptorsError: the request is not valid.
            CountersUnavailableError: Redis cannot answer.
        """
        read = self._reader.read(request)
        if not isinstance(read, rls_pb2.RateLimitRequest):
            asked, call_id = read
            return answer(asked.call, await self._take(asked.demands, call_id))
        rules = self._rules()
        if rules is None:
            raise InvalidDescriptorsError(f"the domain must be {RATE_LIMIT_DOMAIN}")
        ruled = read_ruled_call(read, rules)
        demands = merge_demands(demand for demand in ruled.demands if demand)
        return answered(answer_ruled(ruled, await self._take(demands)))

    async def _take(self, demands: Sequence[Demand], call_id: str = "") -> list[CounterState]:
        if not demands:
            return []
        try:
            return await self._counters.take(demands, call_id)
        except (*UNAVAILABLE, OutOfMemoryError) as error:
            raise CountersUnavailableError("cannot reach the rate counters") from error
