"""Usage on the command line: periods, tables and charts."""

import datetime as dt
import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    AnalysisSettings,
    ConfigureAnalysisRequest,
    GetUsageForecastRequest,
    LatencyRange,
    ListTopConsumersRequest,
    ListTopConsumersResponse,
    Organization,
    QueryUsageRequest,
    QueryUsageResponse,
    TopConsumer,
    UsageForecast,
    UsageGranularity,
    UsageGroup,
    UsageLatencies,
    UsageMeasures,
    UsagePoint,
    UsageTokens,
    UsageValue,
    WriteAnalysisRequest,
    WriteAnalysisResponse,
)
from megarouter.type.v1.time_range_pb2 import TimeRange
from megarouter_admin.command_line.rendering.charts import bar, sparkline
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.usage.analysis import analyze, configure_analysis
from megarouter_admin.command_line.resources.usage.forecast import forecast
from megarouter_admin.command_line.resources.usage.questions import Measure, change, label, show, top
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.languages import Language
from megarouter_admin.command_line.values.times import moment_of, timestamp

NOW = dt.datetime(2026, 11, 30, 12, 30, tzinfo=dt.UTC)
CREDIT = 10**9


class Analytics:
    """Answers every question with three days, and keeps the questions."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.forecast = UsageForecast(
            scope="organizations/acme/groups/eng",
            state=UsageForecast.STATE_EXCEEDED,
            time_range=TimeRange(
                start_time=timestamp(dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC)),
                end_time=timestamp(dt.datetime(2026, 11, 30, 23, tzinfo=dt.UTC)),
            ),
            spent_nano_credits=81_250_000_001,
            budget_nano_credits=100 * CREDIT,
            expected_nano_credits=123_456_789_012,
            low_nano_credits=99_500_000_000,
            high_nano_credits=150_004_999_999,
            exhaust_time=timestamp(dt.datetime(2026, 11, 24, 15, 7, tzinfo=dt.UTC)),
            time_zone="Europe/Berlin",
        )
        self.durations: UsageLatencies | None = None
        self.total = measures(13)

    def QueryUsage(self, request: QueryUsageRequest) -> QueryUsageResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        start = moment_of(request.time_range.start_time)
        edges = [start + dt.timedelta(days=day) for day in range(4)]
        groups = (
            [("models/acme/large", [8, 0, 4]), ("models/small", [1, 0, 0])] if request.group_by else [("", [9, 0, 4])]
        )
        if request.group_by_tags:
            groups = [("search", [8, 0, 4]), (" ", [1, 0, 0])]
        total = self.total
        if self.durations:
            total.durations.CopyFrom(self.durations)
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
            total=total,
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

    def WriteAnalysis(self, request: WriteAnalysisRequest) -> WriteAnalysisResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        return WriteAnalysisResponse(text="Spend was 5 credits.", plain_reason="refused: a number")

    def ConfigureAnalysis(self, request: ConfigureAnalysisRequest) -> AnalysisSettings:  # noqa: N802 - as the API
        self.asked.append(request)
        return AnalysisSettings(name=request.name, api_key=request.api_key, model=request.model)

    def GetUsageForecast(self, request: GetUsageForecastRequest) -> UsageForecast:  # noqa: N802 - as the API
        self.asked.append(request)
        return self.forecast


def measures(spent: int) -> UsageMeasures:
    return UsageMeasures(
        call_count=spent, token_count=spent * 1_000, charge_nano_credits=spent * CREDIT,
        tokens=UsageTokens(input_token_count=spent * 900, output_token_count=spent * 100),
    )  # fmt: skip


def session(*, as_json: bool = False) -> tuple[Session, Analytics]:
    analytics = Analytics()
    organization = Organization(time_zone="Europe/Berlin")
    router: Any = SimpleNamespace(
        analytics=analytics, analyses=analytics, organizations=SimpleNamespace(GetOrganization=lambda _: organization)
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


@pytest.mark.parametrize(
    ("since", "as_json", "step"), [("92d", False, "DAY"), ("95d", False, "WEEK"), ("95d", True, "DAY")]
)
def test_a_long_period_is_shown_by_week(
    capsys: pytest.CaptureFixture[str], *, since: str, as_json: bool, step: str
) -> None:
    opened, analytics = session(as_json=as_json)
    show(opened, since=since)
    assert analytics.asked[0].granularity == UsageGranularity.Value(f"USAGE_GRANULARITY_{step}")
    assert ("\nweek  " in capsys.readouterr().out) == (step == "WEEK")


def test_without_calls_no_days_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    analytics.total = UsageMeasures()
    show(opened)
    printed = capsys.readouterr()
    assert "2026-10-31  " not in printed.out
    assert printed.err == "no calls\n"


def test_usage_by_model_has_a_line_for_each_with_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    show(opened, by="model", limit=5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["acme/large", "12", "12,000", "12.00", "92.3%", "█", "▄"]
    assert lines[-1].split() == ["small", "1", "1,000", "1.00", "7.6%", "█"]
    assert analytics.asked[0].limit == 5


def test_the_largest_consumers_are_listed_with_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    top(opened, by="member", metric=Measure.CHARGE)
    printed = capsys.readouterr()
    rows = [line.split("  ")[0] for line in printed.out.splitlines()]
    assert rows == ["member", "Emma Fischer", "liam (deleted)", "none"]
    assert "61.5%" in printed.out
    assert printed.err.splitlines() == [
        "3 of 3, in all 13 calls, 13.00 credits",
        "not complete: calls are still open or to come",
    ]
    assert analytics.asked[0].page_size == 20


def test_usage_is_divided_and_filtered_by_tags(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    show(opened, by="tag:project", tag=["env=test"])
    top(opened, by="tag:项目")
    assert list(analytics.asked[0].group_by_tags) == ["project"]
    assert not analytics.asked[0].group_by
    assert list(analytics.asked[0].usage_filter.tags) == ["env=test"]
    assert (analytics.asked[1].tag, analytics.asked[1].dimension) == ("项目", 0)
    assert "tag:project" in capsys.readouterr().out
    for wrong in ("tags", "project", "tag", "tag:"):
        with pytest.raises(ValueError, match="tag:NAME"):
            show(opened, by=wrong)


@pytest.mark.parametrize(
    ("now", "before", "text"), [(3, 2, " (+50%)"), (1, 2, " (-50%)"), (9_999, 10_000, " (0%)"), (1, 0, "")]
)
def test_a_change_is_a_whole_percentage(now: int, before: int, text: str) -> None:
    assert change(now, before) == text


def test_a_long_name_is_shortened_in_tables() -> None:
    assert label(UsageValue(value="organizations/acme/members/ada", display_name="名" * 255)) == "名" * 47 + "…"
    assert label(UsageValue(value="organizations/acme/members/ada", display_name="A" * 48)) == "A" * 48


def test_latencies_are_shown_as_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    show(opened, latencies=True)
    assert analytics.asked[0].with_latencies
    assert "duration" not in capsys.readouterr().out
    analytics.durations = UsageLatencies(
        call_count=9, p50=LatencyRange(at_least_ms=512, below_ms=1_024), p90=LatencyRange(at_least_ms=1_024, below_ms=2_048),
        p99=LatencyRange(at_least_ms=524_288),
    )  # fmt: skip
    show(opened, latencies=True)
    assert "duration  half below 1.0 s, 90% below 2.0 s, 99% 524.3 s or more\n" in capsys.readouterr().out


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


def test_a_forecast_says_when_the_budget_will_be_spent(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    forecast(opened, "groups/eng")
    assert analytics.asked[0].scope == "organizations/acme/groups/eng"
    text = capsys.readouterr().out
    assert "2026-11-01 00:00 to 2026-12-01 00:00, Europe/Berlin" in text
    assert "81.250000001" in text
    assert "about 123.46, most likely between 99.50 and 150.00" in text
    assert "the budget will be spent around 2026-11-24 16:07" in text


@pytest.mark.parametrize(
    ("state", "budget", "verdict"),
    [
        (UsageForecast.STATE_NONE, None, "nothing to forecast"),
        (UsageForecast.STATE_EARLY, None, "too early"),
        (UsageForecast.STATE_OK, None, "no budget"),
        (UsageForecast.STATE_OK, 10**12, "within the budget"),
        (UsageForecast.STATE_EXCEEDED, 10, "the budget is spent"),
    ],
)
def test_every_state_of_a_forecast_is_explained(
    capsys: pytest.CaptureFixture[str], state: UsageForecast.State.ValueType, budget: int | None, verdict: str
) -> None:
    opened, analytics = session()
    analytics.forecast = UsageForecast(scope="organizations/acme", state=state, budget_nano_credits=budget)
    forecast(opened)
    text = capsys.readouterr().out
    assert verdict in text
    assert "scope" in text
    assert "organization\n" in text
    assert "expected" not in text
    assert analytics.asked[0].scope == ""


@pytest.mark.parametrize(("amount", "text"), [(0, "0.00"), (7, "0.000000007"), (123_456, "0.000123"),
                                              (5_678_901_234, "5.68"), (4_123_456_789, "4.12")])  # fmt: skip
def test_a_small_expected_amount_keeps_three_digits(capsys: pytest.CaptureFixture[str], amount: int, text: str) -> None:
    opened, analytics = session()
    analytics.forecast.expected_nano_credits = amount
    forecast(opened)
    assert f"about {text}, " in capsys.readouterr().out


def test_an_analysis_is_printed_and_a_plain_text_is_remarked(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    analyze(opened, "2026-11-01", "2026-11-08", Language.ZH)
    printed = capsys.readouterr()
    assert printed.out == "Spend was 5 credits.\n"
    assert "a plain text: refused: a number" in printed.err
    assert analytics.asked[0].language_code == "zh"
    assert analytics.asked[0].time_range.end_time.ToJsonString() == "2026-11-07T23:00:00Z"


def test_the_key_and_the_model_of_analyses_are_set_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session()
    configure_analysis(opened, "keys/robot-key", "acme/large")
    (request,) = analytics.asked
    assert request.name == "organizations/acme/analysisSettings"
    assert (request.api_key, request.model) == ("organizations/acme/apiKeys/robot-key", "models/acme/large")
    assert "robot-key" in capsys.readouterr().out


def test_a_forecast_of_no_scope_is_refused() -> None:
    opened, _ = session()
    with pytest.raises(ValueError, match="not a scope"):
        forecast(opened, "emma")


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
