"""The two formats in which Envoy reports a call."""

import json
from collections.abc import Sequence
from typing import Any

from envoy.data.accesslog.v3 import accesslog_pb2

from gateway_core.contract.access_log_line import CALL_TAG, CallLine
from usage_service.settlement.charge_decision import CallReport


def call_values(report: CallReport) -> CallLine:
    """Returns the values of a call as Envoy writes them to a file."""
    values: tuple[Any, ...] = (
        report.token,
        json.dumps(report.facts, separators=(",", ":")) if report.facts else None,
        report.http_status,
        ",".join(sorted(report.flags)) or None,
        report.details or None,
        report.upstream_host,
        report.attempts or None,
        report.request_bytes,
        report.response_bytes,
        report.duration_ms,
        report.time_to_first_byte_ms,
        report.request_id,
        report.trace_id,
        report.traceparent,
        report.organization,
        ",".join(sorted(scope.encode() for scope in report.shadow_rate_limited)) or None,
    )
    return CallLine(*("-" if value is None else str(value) for value in values))


def line_of(values: Sequence[str]) -> bytes:
    return "\t".join(values).encode() + b"\n"


def journal_line(report: CallReport) -> bytes:
    """Returns the journal line of a call."""
    return line_of(call_values(report))


def stream_entry(report: CallReport) -> accesslog_pb2.HTTPAccessLogEntry:
    """Returns the access-log stream's entry of a call. An absent value is an empty tag."""
    entry = accesslog_pb2.HTTPAccessLogEntry()
    entry.common_properties.access_log_type = accesslog_pb2.DownstreamEnd
    values = ["" if value == "-" else value for value in call_values(report)]
    entry.common_properties.custom_tags[CALL_TAG] = "\t".join(values)
    return entry
