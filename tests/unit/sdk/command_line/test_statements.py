"""The period of a statement, in the time zone of the organization."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import CreditStatement, CreditStatementShare, GetCreditStatementRequest, Organization
from megarouter.type.v1.time_range_pb2 import TimeRange
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.credits.documents import Breakdown, statement
from megarouter_admin.command_line.session import Session

NOW = dt.datetime(2026, 11, 30, 23, 30, tzinfo=dt.UTC)
"""Already December in Tokyo."""
NO_END = "1970-01-01T00:00:00Z"
"""How an unset time is written. The service then ends the period now."""


def asked(zone: str, **options: Any) -> GetCreditStatementRequest:
    requests: list[GetCreditStatementRequest] = []

    def get(request: GetCreditStatementRequest) -> CreditStatement:
        requests.append(request)
        shares = [CreditStatementShare(amount_nano_credits=-5), CreditStatementShare(is_remainder=True)]
        covered = TimeRange(start_time=request.time_range.start_time, end_time=request.time_range.end_time)
        if not request.time_range.HasField("end_time"):
            covered.end_time.FromDatetime(NOW)
        return CreditStatement(time_range=covered, shares=shares if request.breakdown else [])

    router: Any = SimpleNamespace(
        organizations=SimpleNamespace(GetOrganization=lambda _: Organization(time_zone=zone)),
        credits=SimpleNamespace(GetCreditStatement=get),
    )
    statement(Session(router, "acme", Output(json=False), NOW), **options)
    return requests[0]


@pytest.mark.parametrize(
    ("zone", "options", "start", "end", "shown"),
    [
        ("Asia/Tokyo", {}, "2026-11-30T15:00:00Z", NO_END, "2026-12-01 to 2026-12-01 08:30:00, Asia/Tokyo"),
        ("UTC", {}, "2026-11-01T00:00:00Z", NO_END, "2026-11-01 to 2026-11-30 23:30:00, UTC"),
        (
            "Europe/Berlin", {"start": "2026-10-01", "end": "2026-11-01"}, "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z",
            "2026-10-01 to 2026-11-01, Europe/Berlin",
        ),
        (
            "America/New_York", {"start": "2026-11-01T00:00:00Z"}, "2026-11-01T00:00:00Z", NO_END,
            "2026-10-31 20:00:00 to",
        ),
    ],
)  # fmt: skip
def test_a_statement_covers_days_of_the_organization(
    zone: str, options: dict[str, str], start: str, end: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    time_range = asked(zone, **options).time_range
    assert (time_range.start_time.ToJsonString(), time_range.end_time.ToJsonString()) == (start, end)
    assert shown in capsys.readouterr().err


def test_a_divided_statement_ends_with_its_shares(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("UTC", by=Breakdown.GROUP).breakdown == CreditStatement.BREAKDOWN_GROUP
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "group       name  charges       credits",
        "no group                0  -0.000000005",
        "all others              0   0.00",
    ]
