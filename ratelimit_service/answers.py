"""Turns the states of the counters into Envoy's response: the verdict, the headers, and the error body for a refused caller."""

from collections.abc import Mapping, Sequence
from typing import Final

from envoy.service.ratelimit.v3 import rls_pb2

from gateway_core.contract.errors import error_body, error_of, retry_headers
from gateway_core.contract.headers import (
    CONTENT_TYPE,
    JSON,
    limit_header,
    quota_headers,
    remaining_header,
    reset_header,
)
from gateway_core.contract.metadata import REFUSED, SHADOW_REFUSED, encode_refusal
from gateway_core.model.calls.rate_refusals import refuse_rates
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.endpoints import Dialect
from gateway_core.model.limits.rate_limits import (
    Counted,
    CounterState,
    Demand,
    RateCounter,
    RateUnit,
    format_duration,
    tightest,
)
from gateway_core.model.quotas import Quota, QuotaUnit
from gateway_core.model.record_decorator import record
from gateway_core.runtime.protobuf_wire import bytes_field, number_field
from ratelimit_service.descriptors import DescribedCall

_OK: Final = rls_pb2.RateLimitResponse.OK
_OVER_LIMIT: Final = rls_pb2.RateLimitResponse.OVER_LIMIT
UNITS: Final = {unit: rls_pb2.RateLimitResponse.RateLimit.Unit.Value(unit.name) for unit in RateUnit}
UINT32_MAX: Final = 2**32 - 1
# Header names, already encoded as `HeaderValue.key`.
_QUOTA_HEADERS: Final = tuple(
    bytes_field(1, name(QuotaUnit.REQUESTS).encode()) for name in (limit_header, remaining_header, reset_header)
)
_US_PER_S: Final = 1_000_000


@record(frozen=True, slots=True)
class Answer:
    """A serialized `RateLimitResponse`, with what metrics and traces need of it."""

    content: bytes
    code: int
    """The overall `RateLimitResponse.Code`."""
    has_shadows: bool = False
    """Whether a limit in shadow mode would have refused the call."""


def answered(response: rls_pb2.RateLimitResponse) -> Answer:
    """Serializes a response."""
    has_shadows = response.HasField("dynamic_metadata") and SHADOW_REFUSED in response.dynamic_metadata.fields
    return Answer(response.SerializeToString(), response.overall_code, has_shadows)


def answer(call: DescribedCall, states: Sequence[CounterState]) -> Answer:
    """Returns the answer to a call.

    Args:
        call: the call.
        states: the state of every counter that the call demands something of; may be empty.
    """
    if len(call.descriptors) == 1 and states and all(state.fits and not state.demand.shadow for state in states):
        return Answer(_admitted(tightest(states)), _OK)
    return answered(response_to(call, states))


def _admitted(state: CounterState) -> bytes:
    """Returns what `response_to` would for an admitted call with one descriptor and no limit in shadow mode.

    Nearly every call is like that, so the response is encoded by hand for speed.
    """
    demand, remaining = state.demand, state.remaining
    seconds, microseconds = divmod(state.reset_us, _US_PER_S)
    limit = number_field(1, demand.limit) + number_field(2, UNITS[demand.counter.unit])
    reset = number_field(1, seconds) + number_field(2, microseconds * 1_000)
    status = (
        number_field(1, _OK)
        + bytes_field(2, limit)
        + number_field(3, min(remaining, UINT32_MAX))
        + bytes_field(4, reset)
    )
    values = (str(demand.limit), str(remaining), format_duration(state.reset_us))
    return b"".join(
        (
            number_field(1, _OK),
            bytes_field(2, status),
            *(
                bytes_field(3, name + bytes_field(2, value.encode()))
                for name, value in zip(_QUOTA_HEADERS, values, strict=True)
            ),
        )
    )


def response_to(call: DescribedCall, states: Sequence[CounterState]) -> rls_pb2.RateLimitResponse:
    """Returns the response to any call."""
    response = rls_pb2.RateLimitResponse(overall_code=_OK)
    by_counter = {state.demand.counter: state for state in states}
    for demands in call.descriptors:
        add_status(response, _reported(demands, by_counter), by_counter)
    enforced = [state for state in states if not state.demand.shadow]
    if enforced:
        _add_headers(response, _limit_headers(tightest(enforced)))
    refusal = refuse_rates(states)
    if refusal is None:
        _report_shadows(response, states)
    else:
        _refuse(response, refusal, call.dialect)
    return response


def _reported(demands: Sequence[Demand], states: Mapping[Counted, CounterState]) -> Demand | None:
    """Returns the demand that the status of a descriptor reports, or None if the descriptor has none."""
    if len(demands) <= 1:
        return demands[0] if demands else None
    enforced = [states[demand.counter] for demand in demands if not demand.shadow]
    return tightest(enforced).demand if enforced else demands[0]


def _report_shadows(response: rls_pb2.RateLimitResponse, states: Sequence[CounterState]) -> None:
    """Reports refusals by limits in shadow mode to usage_service, through the call's metadata. The caller does not see them."""
    refused = (state.demand.counter for state in states if not state.fits)
    shadows = sorted({counter.scope.encode() for counter in refused if isinstance(counter, RateCounter)})
    if shadows:
        response.dynamic_metadata.update({SHADOW_REFUSED: ",".join(shadows)})


def _refuse(response: rls_pb2.RateLimitResponse, refusal: Refusal, dialect: Dialect) -> None:
    response.overall_code = _OVER_LIMIT
    response.dynamic_metadata.update({REFUSED: encode_refusal(refusal)})
    response.raw_body = error_body(error_of(refusal), dialect).encode()
    _add_headers(response, {CONTENT_TYPE: JSON, **retry_headers(refusal)})


def _limit_headers(state: CounterState) -> dict[str, str]:
    return quota_headers(Quota(QuotaUnit.REQUESTS, state.demand.limit, state.remaining, state.reset_us))


def _add_headers(response: rls_pb2.RateLimitResponse, headers: Mapping[str, str]) -> None:
    for key, value in headers.items():
        response.response_headers_to_add.add(key=key, value=value)


def add_status(
    response: rls_pb2.RateLimitResponse, demand: Demand | None, states: Mapping[Counted, CounterState]
) -> "rls_pb2.RateLimitResponse.DescriptorStatus":
    """Adds the status of a descriptor to the response."""
    status = response.statuses.add(code=_OK)
    if demand is None:
        return status
    state = states[demand.counter]
    status.code = _OK if state.fits or state.demand.shadow else _OVER_LIMIT
    status.current_limit.requests_per_unit = state.demand.limit
    status.current_limit.unit = UNITS[demand.counter.unit]
    status.limit_remaining = min(state.remaining, UINT32_MAX)
    seconds, microseconds = divmod(state.reset_us, _US_PER_S)
    status.duration_until_reset.seconds = seconds
    status.duration_until_reset.nanos = microseconds * 1_000
    return status
