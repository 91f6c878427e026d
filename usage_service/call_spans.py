"""The spans of a settled call: the model call itself, in the trace of the call, and its settlement, linked to that trace.

Attributes follow OpenTelemetry's conventions for generative AI. Text of callers or models is in none of them.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry.trace import Span, Status, StatusCode

from gateway_core.model.calls.holds import HoldState
from gateway_core.model.endpoints import Endpoint
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.tracing import Tracing
from usage_service.settlement.rows import RecordedSettlement, Settlement

_CHAT: Final = "chat"
_OPERATIONS: Final[Mapping[Endpoint, str]] = {
    Endpoint.CHAT_COMPLETIONS: _CHAT,
    Endpoint.RESPONSES: _CHAT,
    Endpoint.MESSAGES: _CHAT,
    Endpoint.COMPLETIONS: "text_completion",
    Endpoint.GENERATE_CONTENT: "generate_content",
    Endpoint.EMBEDDINGS: "embeddings",
    Endpoint.EMBED_CONTENT: "embeddings",
    Endpoint.BATCH_EMBED_CONTENTS: "embeddings",
}
"""The operations that the conventions name. Others keep the name of their endpoint."""
_FIRST_ERROR: Final = 400
_NS_PER_US: Final = 1_000
_NS_PER_MS: Final = 1_000_000


def operation_of(endpoint: Endpoint) -> str:
    """Returns the operation by the conventions."""
    return _OPERATIONS.get(endpoint, str(endpoint))


def error_type_of(settlement: Settlement) -> str | None:
    """Returns the type of the error: the HTTP status, or Envoy's flag if no complete answer came; None for a success."""
    report = settlement.report
    if report.http_status >= _FIRST_ERROR:
        return str(report.http_status)
    if report.http_status == 0 or report.flags:
        return min(report.flags, default=semconv.OTHER_ERROR)
    return semconv.OTHER_ERROR if settlement.resolution.outcome is HoldState.VOIDED else None


def trace_call(tracing: Tracing, record: RecordedSettlement) -> None:
    """Makes the spans of a call, if it was sampled.

    The call's span begins when the call was admitted and lasts as long as Envoy measured.
    """
    settlement = record.settlement
    hold, report = settlement.hold, settlement.report
    if report.traceparent is None:
        return
    attributes, error = _attributes(settlement), error_type_of(settlement)
    name = f"{operation_of(hold.claims.endpoint)} {hold.claims.requested_model}"
    begin_ns = hold.placed_epoch_us * _NS_PER_US
    with tracing.past(name, report.traceparent, begin_ns, (report.duration_ms or 0) * _NS_PER_MS) as span:
        _fill(span, attributes, error)
    with tracing.linked(f"settle {hold.claims.requested_model}", report.traceparent) as span:
        _fill(span, attributes | _settlement_attributes(settlement), error)


def _fill(span: Span, attributes: Mapping[str, str | int], error: str | None) -> None:
    if not span.is_recording():
        return
    span.set_attributes(attributes)
    if error is not None:
        span.set_attribute(semconv.ERROR_TYPE, error)
        span.set_status(Status(StatusCode.ERROR))


def _attributes(settlement: Settlement) -> dict[str, str | int]:
    claims, report, usage = settlement.hold.claims, settlement.report, settlement.resolution.usage
    values: dict[str, str | int | None] = {
        semconv.HOLD_ID: settlement.hold.hold_id,
        semconv.GEN_AI_OPERATION_NAME: operation_of(claims.endpoint),
        semconv.GEN_AI_PROVIDER_NAME: semconv.provider_name(claims.provider),
        semconv.GEN_AI_REQUEST_MODEL: claims.requested_model,
        semconv.GEN_AI_REQUEST_STREAM: claims.streams,
        semconv.GEN_AI_RESPONSE_MODEL: report.answered_model,
        semconv.GEN_AI_RESPONSE_ID: report.provider_response_id,
        semconv.GEN_AI_USAGE_INPUT_TOKENS: usage.total_input,
        semconv.GEN_AI_USAGE_OUTPUT_TOKENS: usage.total_output,
        semconv.GEN_AI_USAGE_REASONING_TOKENS: usage.output_reasoning,
        semconv.GEN_AI_USAGE_CACHE_READ_TOKENS: usage.cache_read + usage.cache_read_audio,
        semconv.GEN_AI_USAGE_CACHE_CREATION_TOKENS: usage.cache_write_5m + usage.cache_write_1h,
        semconv.HTTP_STATUS: report.http_status or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _settlement_attributes(settlement: Settlement) -> dict[str, str | int]:
    resolution = settlement.resolution
    return {
        semconv.OUTCOME: resolution.outcome,
        semconv.USAGE_SOURCE: resolution.source,
        semconv.CHARGE_NANO_CREDITS: resolution.charge_nano_credits,
    }
