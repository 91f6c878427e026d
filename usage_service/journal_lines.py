"""Reads the lines of Envoy's journal: the same facts as its access-log stream, one JSON object a line."""

import json
from collections.abc import Mapping
from typing import Final

from gateway_core.domain.settlement import CallReport, storable_text
from usage_service.report_fields import (
    NO_VALUE,
    MalformedReportError,
    checked_token,
    facts_of,
    optional_text,
    shadow_scopes,
)

_MAX_STARTS: Final = 64
"""How many places of a line are tried as the start of a document."""


def report_of_line(line: bytes) -> CallReport:
    """The report of one call.

    Raises:
        MalformedReportError: the line is torn, or not one that Envoy writes.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MalformedReportError("the line is not JSON") from error
    return _report_of(fields)


def report_behind_tear(line: bytes) -> CallReport | None:
    """The whole document at the end of a line that begins with part of another.

    A disk that was full for a moment cuts a line short, and the next one is written behind what there is of it.
    """
    start = 0
    for _ in range(_MAX_STARTS):
        start = line.find(b'{"', start + 1)
        if start < 0:
            return None
        try:
            # An object inside a document is no candidate: text follows it.
            return _report_of(json.loads(line[start:]))
        except (ValueError, RecursionError, MalformedReportError):
            continue
    return None


def _report_of(fields: object) -> CallReport:
    if not isinstance(fields, dict):
        raise MalformedReportError("the line is not an object")
    usage = fields.get("usage")
    if not isinstance(usage, dict | None):
        raise MalformedReportError("usage is not an object")
    return CallReport(
        token=checked_token(fields.get("hold")),
        facts=facts_of(usage or {}),
        http_status=_number(fields, "status") or 0,
        flags=frozenset(_text(fields, "flags").split(",")) - {"", NO_VALUE},
        details=storable_text(_text(fields, "details")),
        upstream_host=optional_text(_text(fields, "upstream_host")),
        attempts=_number(fields, "attempts") or 0,
        request_bytes=_number(fields, "request_bytes") or 0,
        response_bytes=_number(fields, "response_bytes") or 0,
        duration_ms=_number(fields, "duration_ms"),
        time_to_first_byte_ms=_number(fields, "time_to_first_byte_ms"),
        request_id=storable_text(_text(fields, "request_id")),
        trace_id=optional_text(storable_text(_text(fields, "trace_id"))),
        traceparent=optional_text(_text(fields, "traceparent")),
        shadow_rate_limited=shadow_scopes(fields.get("shadow_rate_limited")),
    )


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedReportError(f"{key} is not a text")
    return value


def _number(fields: Mapping[str, object], key: str) -> int | None:
    """A count or a time; None where Envoy has none."""
    value = fields.get(key)
    if value is None or value == NO_VALUE:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedReportError(f"{key} is not a count")
    return value
