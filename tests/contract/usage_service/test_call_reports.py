"""Both of Envoy's logs give the same report of a call. Malformed entries are refused."""

from dataclasses import replace
from typing import Any

import pytest
from envoy.data.accesslog.v3 import accesslog_pb2

from gateway_core.contract.access_log_line import CallLine
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.contract.usage_service.log_entries import call_values, journal_line, line_of, stream_entry
from tests.contract.usage_service.settlement_cases import make_hold, make_report
from usage_service.call_reports import (
    MalformedReportError,
    report_of,
    statement_of,
    values_behind_tear,
    values_of_entry,
    values_of_line,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

CALLS: dict[str, dict[str, Any]] = {
    "a complete call": {},
    "usage of a JSON answer, by its leaves": {
        "facts": {"usage.prompt_tokens": 12, "usage.completion_tokens": 5, "id": "x\t\n\x1f", "usage.flag": True}
    },
    "no usage": {"facts": {}},
    "fractional and huge numbers": {"facts": {"usage.prompt_tokens": 1.5, "usage.completion_tokens": 2**60}},
    "a caller that left": {
        "facts": {},
        "http_status": 0,
        "flags": frozenset({"DC"}),
        "details": "downstream_remote_disconnect",
        "time_to_first_byte_ms": None,
    },
    "never sent": {
        "facts": {},
        "http_status": 429,
        "flags": frozenset({"RL"}),
        "details": "request_rate_limited",
        "upstream_host": None,
        "attempts": 0,
        "time_to_first_byte_ms": None,
    },
    "several flags": {"flags": frozenset({"UC", "DR", "SI"})},
    "a sampled call": {"trace_id": "0af7651916cd43dd8448eb211c80319c", "traceparent": TRACE},
    "a rate limit in shadow mode": {
        "shadow_rate_limited": frozenset({Scope(ScopeKind.MEMBER, "mia"), Scope(ScopeKind.GROUP, "g1")})
    },
    "a provider with an IPv6 address": {"upstream_host": "[2001:db8::1]:443"},
}


@pytest.mark.parametrize("changes", CALLS.values(), ids=CALLS.keys())
def test_both_logs_give_the_same_report(changes: dict[str, Any]) -> None:
    report = make_report(make_hold(), **changes)
    from_stream, from_journal = values_of_entry(stream_entry(report)), values_of_line(journal_line(report))
    assert from_stream is not None
    assert report_of(from_stream) == report
    assert report_of(from_journal) == report
    assert statement_of(from_stream) == statement_of(from_journal)


@pytest.mark.parametrize(
    "field", ["usage", "status", "flags", "details", "upstream_host", "request_bytes", "response_bytes"]
)
def test_the_statement_contains_every_field_that_decides_the_outcome(field: str) -> None:
    """Seen to fail for a field that is not in the statement."""
    values = call_values(make_report(make_hold()))
    changed = {field: "-" if field == "upstream_host" else '{"model":"7"}'}
    assert statement_of(values._replace(**changed)) != statement_of(values)


@pytest.mark.parametrize("absent", ["", "-"])
def test_envoys_placeholders_for_absent_values_are_read_as_absent(absent: str) -> None:
    values = call_values(make_report(make_hold()))
    report = report_of(CallLine(values.token, *[absent] * (len(values) - 1)))
    assert (report.facts, report.http_status, report.flags, report.details) == ({}, 0, frozenset(), "")
    assert (report.upstream_host, report.attempts, report.duration_ms, report.time_to_first_byte_ms) == (
        None,
        0,
        None,
        None,
    )
    assert (report.request_id, report.trace_id, report.traceparent, report.organization) == ("", None, None, None)


@pytest.mark.parametrize("kind", ["DownstreamStart", "DownstreamPeriodic", "UpstreamEnd", "UpstreamPoolReady"])
def test_only_the_end_of_a_call_is_a_report(kind: str) -> None:
    entry = stream_entry(make_report(make_hold()))
    entry.common_properties.access_log_type = accesslog_pb2.AccessLogType.Value(kind)
    assert values_of_entry(entry) is None


def test_an_entry_of_an_unmetered_call_is_no_report() -> None:
    assert values_of_entry(accesslog_pb2.HTTPAccessLogEntry()) is None


@pytest.mark.parametrize("token", ["", "-", "x" * 20_000])
def test_a_hold_that_is_not_a_token_is_refused(token: str) -> None:
    with pytest.raises(MalformedReportError):
        values_of_entry(stream_entry(replace(make_report(make_hold()), token=token)))


WHOLE_LINE = journal_line(make_report(make_hold()))


def changed_line(number: int, value: str) -> bytes:
    values = call_values(make_report(make_hold()))
    return line_of([*values[:number], value, *values[number + 1 :]])


BAD_LINES = {
    "empty": b"\n",
    "torn": WHOLE_LINE[:100],
    "the end of a torn line": WHOLE_LINE[100:],
    "not UTF-8": b"\xff" + WHOLE_LINE,
    "one value too many": WHOLE_LINE + b"\tx",
    "no hold": changed_line(0, "-"),
    "usage that is not JSON": changed_line(1, "{"),
    "usage that is not an object": changed_line(1, "[1]"),
    "deeply nested": changed_line(1, "[" * 100_000),
    "a status that is not a number": changed_line(2, "ok"),
    "a negative count": changed_line(8, "-1"),
    "a count in non-ASCII digits": changed_line(8, "\u0662"),
    "an endless count": changed_line(8, "9" * 5_000),
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_refused_without_being_quoted(line: bytes) -> None:
    with pytest.raises(MalformedReportError) as refusal:
        report_of(values_of_line(line))
    assert len(str(refusal.value)) < 60


@pytest.mark.parametrize("named", ["organization", "member:mia,", "member:A", "unknown:mia", "x" * 2_000, "-"])
def test_shadow_scopes_without_a_rate_limit_are_ignored(named: str) -> None:
    report = report_of(values_of_line(changed_line(15, named)))
    assert report.shadow_rate_limited <= {Scope(ScopeKind.MEMBER, "mia")}


def test_a_complete_call_after_a_torn_line_is_found() -> None:
    report = make_report(make_hold())
    values = values_behind_tear(WHOLE_LINE[:300] + journal_line(report))
    assert values is not None
    assert report_of(values) == report
    assert values_behind_tear(WHOLE_LINE[:300]) is None
