"""Calls in domains that have rules: from descriptors to demands, and from counters to Envoy's response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from envoy.service.ratelimit.v3 import rls_pb2
from google.protobuf.struct_pb2 import Struct

from gateway_core.model.limits.rate_limits import CounterState, Demand, RateUnit, RuleCounter
from ratelimit_service.answers import UINT32_MAX, UNITS, add_status
from ratelimit_service.descriptors import MAX_DESCRIPTORS, InvalidDescriptorsError
from ratelimit_service.rules import Entries, Found, Rule, Rules

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
    metadata: Mapping[str, Any] | None = None
    """What Envoy gets if the descriptor is not over its limit."""


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
    found = [_find(request.domain, descriptor, rules) for descriptor in request.descriptors]
    replaced = {name for one in found if one for name in one.rule.replaces}
    return RuledCall(
        tuple(
            RuledDescriptor() if one is None or one.rule.name in replaced else _described(request, descriptor, one)
            for descriptor, one in zip(request.descriptors, found, strict=True)
        )
    )


def _find(domain: str, descriptor: "rls_pb2.RateLimitDescriptor", rules: Rules) -> Found | None:
    entries = _entries(descriptor)
    if domain not in rules.domains:
        return None
    override = _override(descriptor)
    return Found(override, entries) if override else rules.find(domain, entries)


def answer_ruled(call: RuledCall, states: Sequence[CounterState]) -> rls_pb2.RateLimitResponse:
    """Returns the response to a call.

    The call is over the limit if a descriptor is whose rule is no quota, or if every quota is over its limit.
    """
    response = rls_pb2.RateLimitResponse(overall_code=_OK)
    by_counter = {state.demand.counter: state for state in states}
    for one in call.descriptors:
        status = add_status(response, one.demand, by_counter)
        if one.is_unlimited:
            status.limit_remaining = UINT32_MAX
        if one.name and one.demand is not None:
            status.current_limit.name = one.name
        if status.code == _OVER_LIMIT and one.demand is not None and not by_counter[one.demand.counter].demand.quota:
            response.overall_code = _OVER_LIMIT
        if status.code == _OK and one.metadata:
            _merge(response.dynamic_metadata.get_or_create_struct("metadata"), one.metadata)
    quotas = [state for state in states if state.demand.quota]
    if quotas and not any(state.fits for state in quotas):
        response.overall_code = _OVER_LIMIT
    return response


def _merge(target: Struct, metadata: Mapping[str, Any]) -> None:
    """Adds metadata to that of the descriptors before. Maps are merged; of other values the first one stays."""
    for name, value in metadata.items():
        if name not in target.fields:
            target.update({name: value})
        elif isinstance(value, Mapping) and target.fields[name].HasField("struct_value"):
            _merge(target.fields[name].struct_value, value)


def _entries(descriptor: "rls_pb2.RateLimitDescriptor") -> Entries:
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
    request: rls_pb2.RateLimitRequest, descriptor: "rls_pb2.RateLimitDescriptor", found: Found
) -> RuledDescriptor:
    rule = found.rule
    if rule.unit is None:
        return RuledDescriptor(is_unlimited=True, name=rule.name)
    hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else request.hits_addend or 1
    counter = RuleCounter(request.domain, found.entries, rule.unit)
    demand = Demand(
        counter, rule.requests_per_unit, hits, shadow=rule.is_shadow, quota=rule.is_quota and not rule.is_shadow
    )
    return RuledDescriptor(demand, name=rule.name, metadata=rule.metadata)
