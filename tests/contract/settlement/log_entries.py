"""The two forms in which Envoy reports one call."""

import json
from typing import Any

from envoy.data.accesslog.v3 import accesslog_pb2

from gateway_core.domain.settlement import CallReport

LONG_FLAGS = {
    "DC": "downstream_connection_termination",
    "UC": "upstream_connection_termination",
    "UF": "upstream_connection_failure",
    "UT": "upstream_request_timeout",
    "RL": "rate_limited",
    "SI": "stream_idle_timeout",
    "DR": "downstream_remote_reset",
}


def journal_line(report: CallReport) -> bytes:
    """The journal's line."""
    fields = {
        "hold": report.token,
        "usage": report.facts or None,
        "status": report.http_status,
        "flags": ",".join(sorted(report.flags)) or "-",
        "details": report.details or None,
        "upstream_host": report.upstream_host,
        "upstream_cluster": "provider-acme",
        "attempts": report.attempts or None,
        "request_bytes": report.request_bytes,
        "response_bytes": report.response_bytes,
        "duration_ms": report.duration_ms,
        "time_to_first_byte_ms": report.time_to_first_byte_ms,
        "request_id": report.request_id,
        "trace_id": report.trace_id,
        "traceparent": report.traceparent,
        "shadow_rate_limited": ",".join(sorted(scope.encode() for scope in report.shadow_rate_limited)) or None,
        "start_time": "2026-05-28T20:26:40.123456Z",
    }
    return json.dumps(fields).encode() + b"\n"


def stream_entry(report: CallReport) -> accesslog_pb2.HTTPAccessLogEntry:
    """The access-log stream's entry."""
    entry = accesslog_pb2.HTTPAccessLogEntry()
    common, response = entry.common_properties, entry.response
    common.access_log_type = accesslog_pb2.DownstreamEnd
    authz: dict[str, Any] = {"hold": report.token}
    if report.organization is not None:
        authz["organization"] = report.organization
    if report.traceparent is not None:
        authz["traceparent"] = report.traceparent
    common.metadata.filter_metadata["envoy.filters.http.ext_authz"].update(authz)
    if report.shadow_rate_limited:
        shadow = {"shadow_refused": ",".join(sorted(scope.encode() for scope in report.shadow_rate_limited))}
        common.metadata.filter_metadata["envoy.filters.http.ratelimit"].update(shadow)
    if report.facts:
        common.metadata.filter_metadata["megarouter.usage"].update(dict(report.facts))
    for flag in report.flags:
        setattr(common.response_flags, LONG_FLAGS[flag], True)
    if report.upstream_host is not None:
        host, _, port = report.upstream_host.rpartition(":")
        common.upstream_remote_address.socket_address.address = host.strip("[]")
        common.upstream_remote_address.socket_address.port_value = int(port)
    common.upstream_request_attempt_count = report.attempts
    if report.duration_ms is not None:
        # Envoy's durations are finer than the milliseconds it writes to files.
        common.duration.FromNanoseconds(report.duration_ms * 10**6 + 999_999)
    if report.time_to_first_byte_ms is not None:
        common.time_to_first_upstream_rx_byte.FromNanoseconds(report.time_to_first_byte_ms * 10**6 + 1)
    common.stream_id = report.request_id
    if report.trace_id is not None:
        common.custom_tags["trace_id"] = report.trace_id
    entry.request.request_body_bytes = report.request_bytes
    response.response_code.value = report.http_status
    response.response_code_details = report.details
    response.response_body_bytes = report.response_bytes
    return entry
