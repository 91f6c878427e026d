"""Turns Envoy's descriptors into demands on counters.

One descriptor has all limits of a call: `(organization, id)`, `(rate_limits, text)` as authz_service put them into the call's
metadata (`request_limits.encode_limits`), `(dialect, name)` for the error body, and `(hold_id, id)` or `(call_id, id)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

from envoy.service.ratelimit.v3 import rls_pb2

from gateway_core.contract.metadata import CALL_ENTRIES, RATE_LIMIT_DOMAIN, RATE_LIMIT_ENTRIES, DecisionKey
from gateway_core.model.endpoints import Dialect
from gateway_core.model.limits.rate_limits import MAX_ID_BYTES, Demand
from gateway_core.model.limits.request_limits import decode_limits, demands_of

MAX_DESCRIPTORS: Final = 32
MAX_LIMITS: Final = 128
"""The most limits in one descriptor: enough for a key, a member, four groups and an organization."""
_MAX_LIMITS_BYTES: Final = 32 * 1024
_UINT32_MAX: Final = 2**32 - 1

_ALLOWED: Final = frozenset((*RATE_LIMIT_ENTRIES, *CALL_ENTRIES))
_REQUIRED: Final = frozenset(RATE_LIMIT_ENTRIES) - {DecisionKey.DIALECT}


class InvalidDescriptorsError(Exception):
    """The request does not describe valid limits. The fault is in Envoy's configuration, not with the caller."""


class _Entry(Protocol):
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class DescribedCall:
    """A call to decide on."""

    descriptors: tuple[tuple[Demand, ...], ...]
    """The demands of each descriptor; empty for one without limits."""
    dialect: Dialect
    """The dialect of the error body."""
    call_id: str = ""
    """The same if Envoy repeats its question; empty if it names no call."""


def read_call(request: rls_pb2.RateLimitRequest) -> DescribedCall:
    """Returns the call that a request describes.

    Raises:
        InvalidDescriptorsError: wrong domain, no or too many descriptors, an unknown entry or unit, or two organizations.
    """
    if request.domain != RATE_LIMIT_DOMAIN:
        raise InvalidDescriptorsError(f"the domain must be {RATE_LIMIT_DOMAIN}")
    if not 1 <= len(request.descriptors) <= MAX_DESCRIPTORS:
        raise InvalidDescriptorsError(f"a request must have 1 to {MAX_DESCRIPTORS} descriptors")
    request_hits = request.hits_addend or 1
    organizations: set[str] = set()
    call_ids: set[str] = set()
    dialect = Dialect.OPENAI
    descriptors = []
    for descriptor in request.descriptors:
        values = _values(descriptor.entries)
        hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else request_hits
        demands = _demands(values[DecisionKey.ORGANIZATION], values[DecisionKey.RATE_LIMITS])
        descriptors.append(demands if hits == 1 else tuple(replace(demand, hits=hits) for demand in demands))
        organizations.add(values[DecisionKey.ORGANIZATION])
        call_ids.update(values[key] for key in CALL_ENTRIES if key in values)
        dialect = _DIALECTS.get(values.get(DecisionKey.DIALECT, ""), dialect)
    if len(organizations) > 1:
        raise InvalidDescriptorsError("all descriptors of a request must name the same organization")
    if len(call_ids) > 1:
        raise InvalidDescriptorsError("all descriptors of a request must name the same call")
    return DescribedCall(tuple(descriptors), dialect, next(iter(call_ids), ""))


_DIALECTS: Final = {str(dialect): dialect for dialect in Dialect}


@lru_cache(maxsize=16_384)
def _demands(organization: str, text: str) -> tuple[Demand, ...]:
    """Returns one hit on the counter of each limit. Cached, because all calls of a key bring the same text."""
    if len(text) > _MAX_LIMITS_BYTES:
        raise InvalidDescriptorsError(f"rate_limits must have at most {_MAX_LIMITS_BYTES} bytes")
    try:
        limits = decode_limits(text)
    except ValueError:
        raise InvalidDescriptorsError(
            "rate_limits must be kind:id:unit:limit or kind:id:unit:limit:models, separated by spaces"
        ) from None
    if len(limits) > MAX_LIMITS:
        raise InvalidDescriptorsError(f"a descriptor must have at most {MAX_LIMITS} limits")
    if any(
        limit.limit > _UINT32_MAX or not _is_id(limit.scope.scope_id) or len(limit.models) > MAX_ID_BYTES
        for limit in limits
    ):
        raise InvalidDescriptorsError(
            f"an id must have 1 to {MAX_ID_BYTES} bytes, models at most as many, and a limit 32 bits"
        )
    return demands_of(limits, organization)


def _is_id(text: str) -> bool:
    return 1 <= len(text.encode()) <= MAX_ID_BYTES


def _values(entries: Sequence[_Entry]) -> dict[str, str]:
    values = {entry.key: entry.value for entry in entries}
    if len(values) != len(entries) or not _REQUIRED <= values.keys() <= _ALLOWED:
        raise InvalidDescriptorsError(
            "a descriptor must have organization and rate_limits once each, and at most one dialect, hold_id and call_id"
        )
    if not _is_id(values[DecisionKey.ORGANIZATION]):
        raise InvalidDescriptorsError(f"an organization must have 1 to {MAX_ID_BYTES} bytes")
    if any(not _is_id(values[key]) for key in CALL_ENTRIES if key in values):
        raise InvalidDescriptorsError(f"the id of a call must have 1 to {MAX_ID_BYTES} bytes")
    return values
