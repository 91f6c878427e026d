"""Only the canonical form of a report is read as one."""

import dataclasses
import json

import pytest

from admin_service.analytics.reports.report import FORMAT, MAX_BYTES, NotAReportError, parse_report
from tests.support.data.sample_reports import DAY, HARD_NAMES, MONTH, YEAR, Kind, sample_report


@pytest.mark.parametrize("kind", [MONTH, DAY, YEAR], ids=["month", "day", "year"])
def test_a_report_is_read_as_it_was_written(kind: Kind) -> None:
    report = sample_report(kind, names=HARD_NAMES)
    assert parse_report(report.canonical()) == report


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"null", b"[" * 100_000, b"\xff", b" " * (MAX_BYTES + 1), sample_report().canonical() + b" ",
     json.dumps(json.loads(sample_report().canonical())).encode(), sample_report().canonical()[:-2],
     dataclasses.replace(sample_report(), format=FORMAT + "0").canonical()],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(NotAReportError):
        parse_report(data)
