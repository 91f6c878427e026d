"""Calls in domains that have rules: from descriptors to demands, and from counters to Envoy's response."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from envoy.service.ratelimit.v3 import rls_pb2

from gateway_core.model.limits.rate_limits import CounterState, Demand, RateUnit, RuleCounter
from ratelimit_service.answers import UINT32_MAX, UNITS, add_status
from ratelimit_service.descriptors import MAX_DESCRIPTORS, InvalidDescriptorsError
from ratelimit_service.rules import Rule, Rules

MAX_ENTRIES: Final = 16
MAX_ENTRY_BYTES: Final = 1_024
_BY_NUMBER: Final = {number: unit for unit, number in UNITS.items()}
_OK: Final = rls_pb2.RateLimitResponse.OK
_OVER_LIMIT: Final = rls_pb2.RateLimitResponse.OVER_LIMIT


@dataclass(frozen=True, slots=True)
class RuledDescriptor:
    """A descriptor and its limit."""

    demand: Demand | None = None
    """None if it has no limit."""
    is_unlimited: bool = False
    name: str = ""
    """The name of its rule."""


@dataclass(frozen=True, slots=True)
class RuledCall:
    """A call to decide on."""

    descriptors: tuple[RuledDescriptor, ...]

    @property
    def demands(self) -> tuple[Demand | None, ...]:
        """The demand of each descriptor."""
        return tuple(one.demand for one in self.descriptors)


def read_ruled_call(request: rls_pb2.RateLimitRequest, rules: Rules) -> RuledCall:
    """Returns the call that a request describes.

    Raises:
        InvalidDescriptorsError: no domain, no or too many descriptors or entries, or an entry that is too long.
    """
    if not request.domain:
        raise InvalidDescriptorsError("a request must have a domain")
    if not 1 <= len(request.descriptors) <= MAX_DESCRIPTORS:
        raise InvalidDescriptorsError(f"a request must have 1 to {MAX_DESCRIPTORS} descriptors")
    entries = [_entries(descriptor) for descriptor in request.descriptors]
    found = [
        _override(descriptor) or rules.find(request.domain, listed)
        for descriptor, listed in zip(request.descriptors, entries, strict=True)
    ]
    replaced = {name for rule in found if rule for name in rule.replaces}
    return RuledCall(
        tuple(
            _described(request, descriptor, listed, None if rule and rule.name in replaced else rule)
            for descriptor, listed, rule in zip(request.descriptors, entries, found, strict=True)
        )
    )


def answer_ruled(call: RuledCall, states: Sequence[CounterState]) -> rls_pb2.RateLimitResponse:
    """Returns the response to a call. The call is over the limit if one of its descriptors is."""
    response = rls_pb2.RateLimitResponse(overall_code=_OK)
    by_counter = {state.demand.counter: state for state in states}
    for one in call.descriptors:
        status = add_status(response, one.demand, by_counter)
        if one.is_unlimited:
            status.limit_remaining = UINT32_MAX
        if one.name and one.demand is not None:
            status.current_limit.name = one.name
        if status.code == _OVER_LIMIT:
            response.overall_code = _OVER_LIMIT
    return response


def _entries(descriptor: "rls_pb2.RateLimitDescriptor") -> tuple[tuple[str, str], ...]:
    entries = tuple((entry.key, entry.value) for entry in descriptor.entries)
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise InvalidDescriptorsError(f"a descriptor must have 1 to {MAX_ENTRIES} entries")
    if any(not key or len(key.encode()) + len(value.encode()) > MAX_ENTRY_BYTES for key, value in entries):
        raise InvalidDescriptorsError(f"an entry must have a key, and at most {MAX_ENTRY_BYTES} bytes")
    return entries


def _override(descriptor: "rls_pb2.RateLimitDescriptor") -> Rule | None:
    """Returns the limit in the descriptor itself, which takes precedence over any rule, or None."""
    if not descriptor.HasField("limit"):
        return None
    unit: RateUnit | None = _BY_NUMBER.get(descriptor.limit.unit)
    if unit is None:
        raise InvalidDescriptorsError("the unit of a limit is unknown")
    return Rule(unit, descriptor.limit.requests_per_unit, "", frozenset(), is_shadow=False)


def _described(
    request: rls_pb2.RateLimitRequest,
    descriptor: "rls_pb2.RateLimitDescriptor",
    entries: tuple[tuple[str, str], ...],
    rule: Rule | None,
) -> RuledDescriptor:
    if rule is None:
        return RuledDescriptor()
    if rule.unit is None:
        return RuledDescriptor(is_unlimited=True, name=rule.name)
    hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else request.hits_addend or 1
    counter = RuleCounter(request.domain, entries, rule.unit)
    return RuledDescriptor(Demand(counter, rule.requests_per_unit, hits, shadow=rule.is_shadow), name=rule.name)
