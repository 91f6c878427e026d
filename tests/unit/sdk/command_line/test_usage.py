"""Usage on the command line: periods, tables and charts."""

import datetime as dt
import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    ListTopConsumersRequest,
    ListTopConsumersResponse,
    Organization,
    QueryUsageRequest,
    QueryUsageResponse,
    TopConsumer,
    UsageGroup,
    UsageMeasures,
    UsagePoint,
    UsageTokens,
    UsageValue,
)
from megarouter.type.v1.time_range_pb2 import TimeRange
from megarouter_admin.command_line.rendering.charts import bar, sparkline
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.usage import By, Measure, show, top
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.times import moment_of, timestamp

NOW = dt.datetime(2026, 11, 30, 12, 30, tzinfo=dt.UTC)
CREDIT = 10**9


class Analytics:
    """Answers every question with three days, and keeps the questions."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def QueryUsage(self, request: QueryUsageRequest) -> QueryUsageResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        start = moment_of(request.time_range.start_time)
        edges = [start + dt.timedelta(days=day) for day in range(4)]
        groups = (
            [("models/acme/large", [8, 0, 4]), ("models/small", [1, 0, 0])] if request.group_by else [("", [9, 0, 4])]
        )
        return QueryUsageResponse(
            groups=[
                UsageGroup(
                    values=[UsageValue(value=value)] if value else [],
                    total=measures(sum(charges)),
                    points=[UsagePoint(call_count=one, charge_nano_credits=one * CREDIT) for one in charges],
                )
                for value, charges in groups
            ],
            buckets=[TimeRange(start_time=timestamp(a), end_time=timestamp(b)) for a, b in pairwise(edges)],
            total=measures(13),
            previous_total=measures(10),
            time_zone="Europe/Berlin",
        )

    def ListTopConsumers(self, request: ListTopConsumersRequest) -> ListTopConsumersResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        people = [("members/emma", "Emma Fischer", 8, False), ("members/liam", "", 4, True), ("", "", 1, False)]
        return ListTopConsumersResponse(
            top_consumers=[
                TopConsumer(
                    consumer=UsageValue(
                        value=value and f"organizations/acme/{value}", display_name=name, is_deleted=gone
                    ),
                    total=measures(spent),
                    charge_share_basis_points=spent * 10_000 // 13,
                )
                for value, name, spent, gone in people
            ],
            total=measures(13),
            consumer_count=3,
        )


def measures(spent: int) -> UsageMeasures:
    return UsageMeasures(
        call_count=spent, token_count=spent * 1_000, charge_nano_credits=spent * CREDIT,
        tokens=UsageTokens(input_token_count=spent * 900, output_token_count=spent * 100),
    )  # fmt: skip


def session(*, as_json: bool = False) -> tuple[Session, Analytics]:
    analytics = Analytics()
    organization = Organization(time_zone="Europe/Berlin")
    router: Any = SimpleNamespace(
        analytics=analytics, organizations=SimpleNamespace(GetOrganization=lambda _: organization)
    )
    return Session(router, "acme", Output(json=as_json), NOW), analytics


def test_the_total_and_the_days_are_shown_with_bars(capsys: pytest.CaptureFixture[str]) -> None:
    opened, _ = session()
    show(opened)
    text = capsys.readouterr().out
    assert "calls     13 (+30%)" in text
    assert "tokens    13,000 (11,700 in, 1,300 out) (+30%)" in text
    assert "credits   13.00 (+30%)" in text
    assert f"2026-10-31      9       0     9.00  {'█' * 30}\n" in text
    assert "2026-11-01      0       0     0.00\n" in text
    assert f"2026-11-02      4       0     4.00  {'█' * 13}▎\n" in text


def test_usage_by_model_has_a_line_for_each_with_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    show(opened, by=By.MODEL, limit=5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["acme/large", "12", "12,000", "12.00", "92.3%", "█", "▄"]
    assert lines[-1].split() == ["small", "1", "1,000", "1.00", "7.6%", "█"]
    assert analytics.asked[0].limit == 5


def test_the_largest_consumers_are_listed_with_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    top(opened, by=By.MEMBER, metric=Measure.CHARGE)
    printed = capsys.readouterr()
    rows = [line.split("  ")[0] for line in printed.out.splitlines()]
    assert rows == ["member", "Emma Fischer", "liam (deleted)", "none"]
    assert "61.5%" in printed.out
    assert "3 of 3, in all 13 calls, 13.00 credits" in printed.err
    assert analytics.asked[0].page_size == 20


@pytest.mark.parametrize(
    ("since", "until", "start", "end"),
    [
        ("", "", "2026-10-30T23:00:00", "2026-11-30T12:30:00"),
        ("7d", "", "2026-11-22T23:00:00", "2026-11-30T12:30:00"),
        ("2026-11-01", "2026-11-08", "2026-10-31T23:00:00", "2026-11-07T23:00:00"),
        ("7d", "2d", "2026-11-20T23:00:00", "2026-11-28T12:30:00"),
        ("2026-11-01T06:00:00Z", "", "2026-11-01T06:00:00", "2026-11-30T12:30:00"),
    ],
)
def test_days_begin_in_the_zone_of_the_organization(since: str, until: str, start: str, end: str) -> None:
    opened, analytics = session()
    show(opened, since=since, until=until)
    asked = analytics.asked[0].time_range
    assert (asked.start_time.ToJsonString(), asked.end_time.ToJsonString()) == (f"{start}Z", f"{end}Z")


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    opened, _ = session(as_json=True)
    show(opened)
    assert json.loads(capsys.readouterr().out)["total"]["chargeNanoCredits"] == "13000000000"
    top(opened)
    assert len(json.loads(capsys.readouterr().out)["topConsumers"]) == 3


@pytest.mark.parametrize(
    ("value", "drawn"), [(0, ""), (-3, ""), (1, "▏"), (50, "█" * 5), (55, "█" * 5 + "▌"), (100, "█" * 10)]
)
def test_a_bar_is_as_long_as_its_share(value: int, drawn: str) -> None:
    assert bar(value, 100, 10) == drawn


def test_a_line_adds_up_what_does_not_fit() -> None:
    assert sparkline([], 5) == ""
    assert sparkline([0, 1, 4, 8], 4) == " ▁▄█"
    assert sparkline([1, 1, 4, 4], 2) == "▂█"
    assert sparkline([0, 0], 4) == "  "
