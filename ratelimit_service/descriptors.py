"""From Envoy's descriptors to demands on counters.

A descriptor of ours holds all limits of a call: `(organization, id)`, `(rate_limits, text)` as authz_service put them into the
call's metadata (`request_limits.encode_limits`), and `(dialect, name)` for the error body.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

from envoy.service.ratelimit.v3 import rls_pb2

from gateway_core.contract.metadata import RATE_LIMIT_DOMAIN, RATE_LIMIT_ENTRIES, DecisionKey
from gateway_core.model.dialects import Dialect
from gateway_core.model.limits.rate_limits import MAX_ID_BYTES, Demand
from gateway_core.model.limits.request_limits import decode_limits, demands_of

MAX_DESCRIPTORS: Final = 32
MAX_LIMITS: Final = 128
"""Of one descriptor: what a key, a member, four groups and an organization may have."""
_MAX_LIMITS_BYTES: Final = 32 * 1024
_UINT32_MAX: Final = 2**32 - 1

_ALLOWED: Final = frozenset(RATE_LIMIT_ENTRIES)
_REQUIRED: Final = _ALLOWED - {DecisionKey.DIALECT}


class InvalidDescriptorsError(Exception):
    """The request does not describe limits of ours: a fault of Envoy's configuration, not of a caller."""


class _Entry(Protocol):
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class DescribedCall:
    """A call to decide on."""

    descriptors: tuple[tuple[Demand, ...], ...]
    """For each descriptor what it demands; nothing where nothing limits it."""
    dialect: Dialect
    """Whose error body the caller reads."""


def read_call(request: rls_pb2.RateLimitRequest) -> DescribedCall:
    """What a request asks.

    Raises:
        InvalidDescriptorsError: wrong domain, none or too many descriptors, an unknown entry or unit, two organizations.
    """
    if request.domain != RATE_LIMIT_DOMAIN:
        raise InvalidDescriptorsError(f"the domain must be {RATE_LIMIT_DOMAIN}")
    if not 1 <= len(request.descriptors) <= MAX_DESCRIPTORS:
        raise InvalidDescriptorsError(f"a request has 1 to {MAX_DESCRIPTORS} descriptors")
    request_hits = request.hits_addend or 1
    organizations: set[str] = set()
    dialect = Dialect.OPENAI
    descriptors = []
    for descriptor in request.descriptors:
        values = _values(descriptor.entries)
        hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else request_hits
        demands = _demands(values[DecisionKey.ORGANIZATION], values[DecisionKey.RATE_LIMITS])
        descriptors.append(demands if hits == 1 else tuple(replace(demand, hits=hits) for demand in demands))
        organizations.add(values[DecisionKey.ORGANIZATION])
        dialect = _DIALECTS.get(values.get(DecisionKey.DIALECT, ""), dialect)
    if len(organizations) > 1:
        raise InvalidDescriptorsError("all descriptors of a request must be of one organization")
    return DescribedCall(tuple(descriptors), dialect)


_DIALECTS: Final = {str(dialect): dialect for dialect in Dialect}


@lru_cache(maxsize=16_384)
def _demands(organization: str, text: str) -> tuple[Demand, ...]:
    """One hit on each counter of these limits. Remembered: all calls of a key bring the same text."""
    if len(text) > _MAX_LIMITS_BYTES:
        raise InvalidDescriptorsError(f"rate_limits have at most {_MAX_LIMITS_BYTES} bytes")
    try:
        limits = decode_limits(text)
    except ValueError:
        raise InvalidDescriptorsError(
            "rate_limits are kind:id:unit:limit or kind:id:unit:limit:models, separated by spaces"
        ) from None
    if len(limits) > MAX_LIMITS:
        raise InvalidDescriptorsError(f"a descriptor has at most {MAX_LIMITS} limits")
    if any(
        limit.limit > _UINT32_MAX or not _is_id(limit.scope.scope_id) or len(limit.models) > MAX_ID_BYTES
        for limit in limits
    ):
        raise InvalidDescriptorsError(f"an id has 1 to {MAX_ID_BYTES} bytes, models at most as many, a limit 32 bits")
    return demands_of(limits, organization)


def _is_id(text: str) -> bool:
    return 1 <= len(text.encode()) <= MAX_ID_BYTES


def _values(entries: Sequence[_Entry]) -> dict[str, str]:
    values = {entry.key: entry.value for entry in entries}
    if len(values) != len(entries) or not _REQUIRED <= values.keys() <= _ALLOWED:
        raise InvalidDescriptorsError(
            "a descriptor has the entries organization and rate_limits and perhaps dialect, once each"
        )
    if not _is_id(values[DecisionKey.ORGANIZATION]):
        raise InvalidDescriptorsError(f"an organization has 1 to {MAX_ID_BYTES} bytes")
    return values
