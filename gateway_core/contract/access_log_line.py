"""The line that Envoy writes when a model call ends. The gRPC access log and the journal carry the same line.

The gRPC stream carries the line as a custom tag of its entries. No value contains a tab: text from a provider or a
client appears only inside `usage`, which the module writes as JSON.
"""

from typing import Final, NamedTuple

from gateway_core.contract.metadata import (
    DECISION_NAMESPACE,
    RATE_LIMIT_NAMESPACE,
    REFUSED,
    REWRITER_NAMESPACE,
    SHADOW_REFUSED,
    USAGE,
    DecisionKey,
)

CALL_TAG: Final = "call"
REFUSAL_TAG: Final = "refusal"
SEPARATOR: Final = "\t"
ABSENT: Final = frozenset({"", "-"})
"""What Envoy writes for a missing value: an empty string in a tag, `-` in a file."""


class CallLine(NamedTuple):
    """The values of a line, in order. Each is the text that Envoy wrote."""

    token: str
    usage: str
    status: str
    flags: str
    details: str
    upstream_host: str
    attempts: str
    request_bytes: str
    response_bytes: str
    duration_ms: str
    first_byte_ms: str
    request_id: str
    trace_id: str
    traceparent: str
    organization: str
    shadow_refused: str


def _metadata(namespace: str, key: str) -> str:
    return f"%DYNAMIC_METADATA({namespace}:{key})%"


FORMAT: Final = SEPARATOR.join(
    CallLine(
        token=_metadata(DECISION_NAMESPACE, DecisionKey.HOLD),
        usage=_metadata(REWRITER_NAMESPACE, USAGE),
        status="%RESPONSE_CODE%",
        flags="%RESPONSE_FLAGS%",
        details="%RESPONSE_CODE_DETAILS%",
        upstream_host="%UPSTREAM_HOST%",
        attempts="%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        request_bytes="%BYTES_RECEIVED%",
        response_bytes="%BYTES_SENT%",
        duration_ms="%DURATION%",
        first_byte_ms="%RESPONSE_DURATION%",
        request_id="%STREAM_ID%",
        trace_id="%TRACE_ID%",
        traceparent=_metadata(DECISION_NAMESPACE, DecisionKey.TRACEPARENT),
        organization=_metadata(DECISION_NAMESPACE, DecisionKey.ORGANIZATION),
        shadow_refused=_metadata(RATE_LIMIT_NAMESPACE, SHADOW_REFUSED),
    )
)
"""The line as a format string for Envoy's access loggers."""


REFUSAL_FORMAT: Final = SEPARATOR.join(
    (
        _metadata(DECISION_NAMESPACE, REFUSED),
        _metadata(RATE_LIMIT_NAMESPACE, REFUSED),
        _metadata(DECISION_NAMESPACE, DecisionKey.HOLD),
    )
)
"""The line of a refused call: what authz_service or the module says, what ratelimit_service says, and the token of its hold."""


def split_line(text: str) -> CallLine | None:
    """Returns the values of a line without its line end, or None if it has the wrong number of values."""
    values = text.split(SEPARATOR)
    return CallLine._make(values) if len(values) == len(CallLine._fields) else None
