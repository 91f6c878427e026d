"""From Envoy's descriptors to demands on counters.

A descriptor of ours names one scope: `(organization, id), (scope, "member" | "api_key"), (id, id)`, `(dialect, name)` for the
error body, and `(mode, "ENFORCE" | "SHADOW")`: a limit in shadow mode counts and refuses nothing. The limit itself is the
override that authz_service put into the call's metadata; without one it limits nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from envoy.service.ratelimit.v3 import rls_pb2
from envoy.type.v3 import ratelimit_unit_pb2

from gateway_core.domain.dialects import Dialect
from gateway_core.domain.principals import GuardrailMode
from gateway_core.domain.rate_limits import MAX_ID_BYTES, Demand, RateCounter, RateUnit
from gateway_core.domain.scopes import Scope, ScopeKind

DOMAIN: Final = "megarouter"
MAX_DESCRIPTORS: Final = 32

_UNITS: Final = {ratelimit_unit_pb2.RateLimitUnit.Value(unit.name): unit for unit in RateUnit}
_REQUIRED: Final = frozenset({"organization", "scope", "id"})
_ALLOWED: Final = _REQUIRED | {"dialect", "mode"}


class InvalidDescriptorsError(Exception):
    """The request does not describe scopes of ours: a fault of Envoy's configuration, not of a caller."""


class _Entry(Protocol):
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class DescribedCall:
    """A call to decide on."""

    demands: tuple[Demand | None, ...]
    """For each descriptor what it demands; None where nothing limits it."""
    dialect: Dialect
    """Whose error body the caller reads."""


def read_call(request: rls_pb2.RateLimitRequest) -> DescribedCall:
    """What a request asks.

    Raises:
        InvalidDescriptorsError: wrong domain, none or too many descriptors, an unknown entry or unit, two organizations.
    """
    if request.domain != DOMAIN:
        raise InvalidDescriptorsError(f"the domain must be {DOMAIN}")
    if not 1 <= len(request.descriptors) <= MAX_DESCRIPTORS:
        raise InvalidDescriptorsError(f"a request has 1 to {MAX_DESCRIPTORS} descriptors")
    hits = request.hits_addend or 1
    organizations: set[str] = set()
    demands = tuple(_demand(descriptor, hits, organizations) for descriptor in request.descriptors)
    if len(organizations) > 1:
        raise InvalidDescriptorsError("all descriptors of a request must be of one organization")
    return DescribedCall(demands, _dialect(request))


def _demand(descriptor: "rls_pb2.RateLimitDescriptor", request_hits: int, organizations: set[str]) -> Demand | None:
    if not descriptor.HasField("limit"):
        return None
    unit = _UNITS.get(descriptor.limit.unit)
    if unit is None:
        raise InvalidDescriptorsError("the unit of a limit must be SECOND, MINUTE, HOUR, DAY, MONTH or YEAR")
    values = _values(descriptor.entries)
    try:
        scope = Scope(ScopeKind(values["scope"]), values["id"])
    except ValueError:
        raise InvalidDescriptorsError("a descriptor has an unknown scope") from None
    hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else request_hits
    organizations.add(values["organization"])
    counter = RateCounter(values["organization"], scope, unit)
    return Demand(counter, descriptor.limit.requests_per_unit, hits, shadow=_is_shadow(values))


def _is_shadow(values: Mapping[str, str]) -> bool:
    try:
        return GuardrailMode(values.get("mode", GuardrailMode.ENFORCE)) is GuardrailMode.SHADOW
    except ValueError:
        raise InvalidDescriptorsError("the mode of a descriptor is ENFORCE or SHADOW") from None


def _values(entries: Sequence[_Entry]) -> dict[str, str]:
    values = {entry.key: entry.value for entry in entries}
    if len(values) != len(entries) or not _REQUIRED <= values.keys() <= _ALLOWED:
        raise InvalidDescriptorsError(
            "a descriptor has the entries organization, scope, id and perhaps dialect and mode, once each"
        )
    if not all(1 <= len(values[key].encode()) <= MAX_ID_BYTES for key in _REQUIRED):
        raise InvalidDescriptorsError(f"the values of a descriptor have 1 to {MAX_ID_BYTES} bytes")
    return values


def _dialect(request: rls_pb2.RateLimitRequest) -> Dialect:
    names = (
        entry.value for descriptor in request.descriptors for entry in descriptor.entries if entry.key == "dialect"
    )
    try:
        return Dialect(next(names, Dialect.OPENAI))
    except ValueError:
        return Dialect.OPENAI
