"""The map of a month shows each hour where the organization's clocks have it, with shades that need no color."""

import datetime as dt
import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import (
    Organization,
    QueryUsageRequest,
    QueryUsageResponse,
    UsageGranularity,
    UsageGroup,
    UsagePoint,
)
from megarouter.type.v1.time_range_pb2 import TimeRange
from megarouter_admin.command_line.rendering.heat_maps import SHADES, bounds_of
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.usage.heatmap import Layout, Shown, heatmap
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.times import moment_of, timestamp

HOUR = dt.timedelta(hours=1)


class Analytics:
    """Answers with one call in each hour or day, whose charge is the number of the UTC hour in millicredits."""

    def __init__(self) -> None:
        self.asked: list[QueryUsageRequest] = []
        self.is_empty = False

    def QueryUsage(self, request: QueryUsageRequest) -> QueryUsageResponse:  # noqa: N802 - as the API
        self.asked.append(request)
        if self.is_empty:
            return QueryUsageResponse(time_zone="Europe/Berlin")
        start, end = moment_of(request.time_range.start_time), moment_of(request.time_range.end_time)
        step = HOUR if request.granularity == UsageGranularity.USAGE_GRANULARITY_HOUR else 24 * HOUR
        starts = [start + number * step for number in range(-(-(end - start) // step))]
        return QueryUsageResponse(
            groups=[
                UsageGroup(points=[UsagePoint(call_count=1, charge_nano_credits=one.hour * 10**6) for one in starts])
            ],
            buckets=[TimeRange(start_time=timestamp(one), end_time=timestamp(one + step)) for one in starts],
            time_zone="Europe/Berlin",
        )


def session(now: dt.datetime, *, as_json: bool = False) -> tuple[Session, Analytics]:
    analytics = Analytics()
    organizations = SimpleNamespace(GetOrganization=lambda _: Organization(time_zone="Europe/Berlin"))
    router: Any = SimpleNamespace(analytics=analytics, organizations=organizations)
    return Session(router, "acme", Output(json=as_json), now), analytics


def shown(capsys: pytest.CaptureFixture[str], now: dt.datetime, **options: Any) -> list[str]:
    opened, _ = session(now)
    heatmap(opened, **options)
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert printed.err == "not complete: calls are still open or to come\n"
    return lines


def test_days_are_those_of_the_organization_also_when_clocks_change(capsys: pytest.CaptureFixture[str]) -> None:
    now = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    spring = shown(capsys, now, month="2026-03", metric=Shown.CALLS)
    assert spring[0] == "2026-03, Europe/Berlin"
    assert len([line for line in spring if line[:3] in {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}]) == 31
    (changed,) = [line for line in spring if line.startswith("Sun 29")]
    # The hour from 2 to 3 does not exist.
    assert changed == f"Sun 29  {SHADES[3] * 4}  {SHADES[3] * 42}  23"
    autumn = shown(capsys, now, month="2026-10", metric=Shown.CALLS)
    (changed,) = [line for line in autumn if line.startswith("Sun 25")]
    # The hour from 2 to 3 comes twice, in one cell.
    assert changed.endswith("  25")
    assert [line for line in autumn if line.startswith("Mon 26")][0].endswith("  24")  # noqa: RUF015 - exactly one


def test_a_month_under_way_is_blank_after_now(capsys: pytest.CaptureFixture[str]) -> None:
    now = dt.datetime(2026, 11, 10, 5, 30, tzinfo=dt.UTC)
    lines = shown(capsys, now)
    (today,) = [line for line in lines if line.startswith("Tue 10")]
    # 23:00 UTC of the day before is midnight. At 0:00 UTC nothing was spent.
    assert today == f"Tue 10  {SHADES[3] * 2}· {SHADES[0] * 10}{' ' * 36}0.0380"
    (tomorrow,) = [line for line in lines if line.startswith("Wed 11")]
    assert tomorrow == "Wed 11"
    # The longest legend takes a second line.
    assert lines[-3].startswith("·  nothing   ░░ up to 0.00")
    assert lines[-2].startswith("   ██ up to 0.0230")
    assert lines[-1] == "   credits in one hour; on the right, the sum of the row"


def test_an_empty_month_names_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session(dt.datetime(2026, 12, 1, 0, 30, tzinfo=dt.UTC))
    analytics.is_empty = True
    heatmap(opened)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[0] == "no usage in 2026-12; --month 2026-11 shows the month before"


def test_weeks_have_a_column_for_each_weekday(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, dt.datetime(2026, 12, 1, tzinfo=dt.UTC), month="2026-10", by=Layout.WEEKDAYS)
    assert lines[2].split() == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    # October begins on a Thursday.
    assert lines[3].startswith(f"week of 09-28  {' ' * 15}{SHADES[3] * 20}  ")
    assert len([line for line in lines if line.startswith("week of")]) == 5


@pytest.mark.parametrize(
    ("variables", "colored"), [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({}, False)]
)
def test_colors_are_for_terminals_that_want_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, colored: bool
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    opened, _ = session(dt.datetime(2026, 11, 10, 5, 30, tzinfo=dt.UTC))
    heatmap(opened)
    assert ("\x1b[38;5;" in capsys.readouterr().out) == colored


def test_programs_get_the_answer_of_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    opened, analytics = session(dt.datetime(2026, 12, 1, tzinfo=dt.UTC), as_json=True)
    heatmap(opened, month="2026-11", tag=["env=test"])
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["buckets"]) == 30 * 24
    assert list(analytics.asked[0].usage_filter.tags) == ["env=test"]


@pytest.mark.parametrize("month", ["2026-13", "November", "2026-1", "2027-01"])
def test_a_month_that_is_none_or_has_not_begun_is_refused(month: str) -> None:
    opened, _ = session(dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
    with pytest.raises(ValueError, match=month):
        heatmap(opened, month=month)


@pytest.mark.parametrize(
    ("figures", "bounds"),
    [
        ([], []), ([0, 0], []), ([7], [7]), ([5, 5, 5, 5], [5]), ([1, 2, 3, 4], [1, 2, 3, 4]), ([1, 9], [1, 9]),
        ([0, 1, 1, 1, 900], [1, 900]),
    ],
)  # fmt: skip
def test_one_large_figure_does_not_dim_the_rest(figures: list[int], bounds: list[int]) -> None:
    assert bounds_of(figures) == bounds
