"""Both of Envoy's logs, read, give the same report of the same call; what is no report is refused."""

import json
from typing import Any

import pytest
from envoy.data.accesslog.v3 import accesslog_pb2

from gateway_core.domain.scopes import Scope, ScopeKind
from tests.contract.settlement.log_entries import journal_line, stream_entry
from tests.contract.settlement.settlement_cases import make_hold, make_report
from usage_service.journal_lines import report_of_line
from usage_service.report_fields import MalformedReportError
from usage_service.stream_reports import report_of_entry

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

CALLS: dict[str, dict[str, Any]] = {
    "a complete call": {},
    "usage of a JSON answer, by its leaves": {
        "facts": {"usage.prompt_tokens": 12, "usage.completion_tokens": 5, "id": "x", "usage.flag": True}
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
    assert report_of_entry(stream_entry(report)) == report
    assert report_of_line(journal_line(report)) == report


def test_envoys_signs_of_absence_are_absence() -> None:
    line = json.loads(journal_line(make_report(make_hold())))
    absent = {"details": None, "upstream_host": "-", "attempts": None, "duration_ms": None, "trace_id": "-"}
    report = report_of_line(json.dumps({**line, **absent, "time_to_first_byte_ms": "-"}).encode())
    assert (report.details, report.upstream_host, report.attempts) == ("", None, 0)
    assert (report.duration_ms, report.time_to_first_byte_ms, report.trace_id) == (None, None, None)


@pytest.mark.parametrize("kind", ["DownstreamStart", "DownstreamPeriodic", "UpstreamEnd", "UpstreamPoolReady"])
def test_only_the_end_of_a_call_is_a_report(kind: str) -> None:
    entry = stream_entry(make_report(make_hold()))
    entry.common_properties.access_log_type = accesslog_pb2.AccessLogType.Value(kind)
    assert report_of_entry(entry) is None


def test_an_entry_without_a_hold_is_no_report() -> None:
    entry = stream_entry(make_report(make_hold()))
    del entry.common_properties.metadata.filter_metadata["envoy.filters.http.ext_authz"].fields["hold"]
    assert report_of_entry(entry) is None
    assert report_of_entry(accesslog_pb2.HTTPAccessLogEntry()) is None


@pytest.mark.parametrize("token", ["", "x" * 20_000, 5])
def test_an_entry_with_a_hold_that_is_no_token_is_refused(token: object) -> None:
    entry = stream_entry(make_report(make_hold()))
    entry.common_properties.metadata.filter_metadata["envoy.filters.http.ext_authz"].update({"hold": token})
    with pytest.raises(MalformedReportError):
        report_of_entry(entry)


WHOLE_LINE = journal_line(make_report(make_hold()))

BAD_LINES = {
    "empty": b"\n",
    "torn": WHOLE_LINE[:100],
    "the rest of a torn one": WHOLE_LINE[100:],
    "no object": b"[1]\n",
    "not UTF-8": b'{"hold": "\xff"}\n',
    "deeply nested": b"[" * 100_000 + b"\n",
    "no hold": b'{"usage": null}\n',
    "a hold that is no text": b'{"hold": {"a": 1}}\n',
    "usage that is no object": b'{"hold": "v1.a.b", "usage": "x"}\n',
    "a status that is no number": b'{"hold": "v1.a.b", "status": "200"}\n',
    "a negative count": b'{"hold": "v1.a.b", "response_bytes": -1}\n',
    "flags that are no text": b'{"hold": "v1.a.b", "flags": ["DC"]}\n',
    "a list for a number": b'{"hold": "v1.a.b", "status": []}\n',
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_refused_without_being_quoted(line: bytes) -> None:
    with pytest.raises(MalformedReportError) as refusal:
        report_of_line(line)
    assert len(str(refusal.value)) < 60


@pytest.mark.parametrize(
    "named", ["organization", "member:mia,", "member:A", "nobody:mia", "x" * 2_000, 7, ["member:mia"], None]
)
def test_shadow_scopes_that_no_rate_limit_has_are_left_out(named: object) -> None:
    line = json.loads(journal_line(make_report(make_hold())))
    report = report_of_line(json.dumps({**line, "shadow_rate_limited": named}).encode())
    assert report.shadow_rate_limited <= {Scope(ScopeKind.MEMBER, "mia")}
