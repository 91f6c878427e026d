"""Reads Envoy's report of a finished call: one line of tab-separated values, the same in both of its logs.

`gateway_core.contract.access_log_line` defines the line.
"""

from collections.abc import Mapping
from typing import Final

from envoy.data.accesslog.v3 import accesslog_pb2

from gateway_core.contract.access_log_line import ABSENT, CALL_TAG, CallLine, split_line
from gateway_core.model.ids import is_valid_id
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.storable_text import storable_text
from usage_service.provider_reports.json_text import json_value
from usage_service.settlement.charge_decision import CallReport

MAX_TOKEN_LENGTH: Final = 16_384
"""Longer than any hold token."""
_TOKEN_START: Final = "v2."  # noqa: S105 - the prefix of every token
_TOKEN_DOTS: Final = 3
_MAX_STARTS: Final = 64
"""How many places in a line are tried as the start of a call."""
_MAX_SCOPES_LENGTH: Final = 1_000
_KINDS: Final = {str(kind): kind for kind in ScopeKind}
_FINAL_TYPES: Final = frozenset({accesslog_pb2.NotSet, accesslog_pb2.DownstreamEnd})


class MalformedReportError(Exception):
    """The entry is not one that Envoy writes. The message never quotes it."""


def values_of_line(line: bytes) -> CallLine:
    """Returns the values of a journal line.

    Raises:
        MalformedReportError: the line is torn, or not one that Envoy writes.
    """
    try:
        return _values(line.decode().rstrip("\n"))
    except UnicodeDecodeError as error:
        raise MalformedReportError("the line is not UTF-8") from error


def values_of_entry(entry: accesslog_pb2.HTTPAccessLogEntry) -> CallLine | None:
    """Returns the values of a stream entry; None if it is not of a metered call or was written before its call ended.

    Raises:
        MalformedReportError: the entry is not one that Envoy writes.
    """
    common = entry.common_properties
    if common.access_log_type not in _FINAL_TYPES or common.intermediate_log_entry:
        return None
    return _values(common.custom_tags[CALL_TAG]) if CALL_TAG in common.custom_tags else None


def values_behind_tear(line: bytes) -> CallLine | None:
    """Returns the complete call at the end of a line that begins with part of another; None if there is none.

    A disk that is full for a moment cuts a line short, and the next line is appended to its remains.
    """
    start = 0
    for _ in range(_MAX_STARTS):
        start = line.find(_TOKEN_START.encode(), start + 1)
        if start < 0:
            return None
        try:
            values = values_of_line(line[start:])
            report_of(values)
        except MalformedReportError:
            continue
        return values
    return None


def _values(text: str) -> CallLine:
    values = split_line(text)
    if values is None:
        raise MalformedReportError("the call has the wrong number of values")
    token = values.token
    # A torn token followed by a complete one has more dots.
    if not token.startswith(_TOKEN_START) or token.count(".") != _TOKEN_DOTS or len(token) > MAX_TOKEN_LENGTH:
        raise MalformedReportError("the call has no hold token")
    return values


def statement_of(values: CallLine) -> int:
    """Returns a hash of everything in a call that decides the outcome of its hold.

    It is valid only in this process, because Python seeds the hashes of strings.
    """
    was_sent = values.upstream_host not in ABSENT
    said = tuple(
        ["" if value in ABSENT else value for value in (values.usage, values.flags, values.details, values.attempts)]
    )
    return hash((said, values.status, was_sent, values.request_bytes, values.response_bytes))


def report_of(values: CallLine) -> CallReport:
    """Parses the values into a report.

    Raises:
        MalformedReportError: a value does not have the form that Envoy writes.
    """
    return CallReport(
        token=values.token,
        facts=_facts(values.usage),
        http_status=_number(values.status) or 0,
        flags=_NO_FLAGS if values.flags in ABSENT else frozenset(values.flags.split(",")) - ABSENT,
        details=_text(values.details) or "",
        upstream_host=_text(values.upstream_host),
        attempts=_number(values.attempts) or 0,
        request_bytes=_number(values.request_bytes) or 0,
        response_bytes=_number(values.response_bytes) or 0,
        duration_ms=_number(values.duration_ms),
        time_to_first_byte_ms=_number(values.first_byte_ms),
        request_id=_text(values.request_id) or "",
        trace_id=_text(values.trace_id),
        traceparent=_text(values.traceparent),
        shadow_rate_limited=_NO_SCOPES if values.shadow_refused in ABSENT else _shadow_scopes(values.shadow_refused),
        organization=_text(values.organization),
    )


_NO_FLAGS: Final[frozenset[str]] = frozenset()
_NO_SCOPES: Final[frozenset[Scope]] = frozenset()


def _text(value: str) -> str | None:
    return None if value in ABSENT else storable_text(value)


def _number(value: str) -> int | None:
    """Parses a count or a duration; returns None if Envoy has none."""
    if value.isdigit() and value.isascii() and len(value) <= _MAX_DIGITS:
        return int(value)
    if value in ABSENT:
        return None
    raise MalformedReportError("a count is not a number")


_MAX_DIGITS: Final = 18


def _facts(usage: str) -> Mapping[str, object]:
    """Returns the facts that the rewriter read from the response. Whole numbers become integers."""
    if usage in ABSENT:
        return {}
    try:
        facts = json_value(usage)
    except (ValueError, RecursionError) as error:
        raise MalformedReportError("usage is not JSON") from error
    if not isinstance(facts, dict):
        raise MalformedReportError("usage is not an object")
    plain = {key: value for key, value in facts.items() if value is not None}
    for key, value in plain.items():
        if type(value) is float and value.is_integer():
            plain[key] = int(value)
    return plain


def _shadow_scopes(named: str) -> frozenset[Scope]:
    """Parses the scopes that ratelimit_service named (`Scope.encode`), separated by commas. Skips malformed ones."""
    names = named.split(",") if len(named) <= _MAX_SCOPES_LENGTH else ()
    parts = (name.partition(":") for name in names)
    return frozenset(
        Scope(_KINDS[kind], scope_id) for kind, _, scope_id in parts if kind in _KINDS and is_valid_id(scope_id)
    )
