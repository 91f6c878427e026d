"""The command `megarouter usage heatmap`."""

import datetime as dt
import enum
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from megarouter.admin.v1.messages import (
    QueryUsageRequest,
    QueryUsageResponse,
    UsageGranularity,
    UsagePoint,
)
from megarouter.type.v1.time_range_pb2 import TimeRange

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.rendering.heat_maps import HeatMap, heat_map
from megarouter_admin.command_line.resources.usage.filters import (
    OfGroupOption,
    OfKeyOption,
    OfMemberOption,
    OfModelOption,
    TagOption,
    usage_filter,
)
from megarouter_admin.command_line.resources.usage.questions import remark_if_incomplete
from megarouter_admin.command_line.resources.usage.unknown_names import remark_if_unknown
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import NANO_CREDITS_PER_CREDIT
from megarouter_admin.command_line.values.times import moment_of, timestamp

application = Section()

_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS: Final = 24
_LABELED_HOURS: Final = 3


class Layout(enum.StrEnum):
    """What the cells of the map are."""

    HOURS = "hours"
    WEEKDAYS = "weekdays"


class Shown(enum.StrEnum):
    """What the shades mean."""

    CHARGE = "charge"
    TOKENS = "tokens"
    CALLS = "calls"


@command(
    application,
    "heatmap",
    "usage heatmap",
    "usage heatmap --month 2026-10 --by weekdays",
    "usage heatmap --metric calls --group Product/Apps",
)
def heatmap(
    session: Session,
    month: Annotated[str, Option("--month", metavar="MONTH", text="Such as 2026-11. Default: this month.")] = "",
    by: Annotated[Layout, Option("--by", text="hours: days by hours. weekdays: weeks by weekdays.")] = Layout.HOURS,
    metric: Annotated[Shown, Option("--metric", text="What shades mean: charge, tokens or calls.")] = Shown.CHARGE,
    member: OfMemberOption = "",
    key: OfKeyOption = "",
    group: OfGroupOption = "",
    model: OfModelOption = "",
    tag: TagOption = None,
) -> None:
    """Show when in a month you see usage, as a map of shades, in the organization's time zone."""
    zone = session.zone
    first, after = _days_of(month, session.now.astimezone(zone).date())
    end = min(_midnight(after, zone), session.now)
    if end <= _midnight(first, zone):
        raise ValueError(f"{first:%Y-%m} has not begun")
    kept = usage_filter(session, member=member, key=key, group=group, model=model, tag=tag)
    answer = session.router.analytics.QueryUsage(
        QueryUsageRequest(
            name=session.organization,
            time_range=TimeRange(start_time=timestamp(_midnight(first, zone)), end_time=timestamp(end)),
            usage_filter=kept,
            granularity=(
                UsageGranularity.USAGE_GRANULARITY_HOUR
                if by is Layout.HOURS
                else UsageGranularity.USAGE_GRANULARITY_DAY
            ),
        )
    )
    if session.output.json:
        session.output.one(answer, [])
        return
    zone = ZoneInfo(answer.time_zone)
    figures = _figures(answer, zone, metric)
    drawn = (
        _by_hours(figures, first, after, metric) if by is Layout.HOURS else _by_weekdays(figures, first, after, metric)
    )
    if any(figures.values()):
        session.output.document(f"{first:%Y-%m}, {zone.key}\n\n")
        session.output.document(heat_map(drawn, _writer(metric), colored=_has_colors()))
    else:
        before = first - dt.timedelta(days=1)
        session.output.remark(f"no usage in {first:%Y-%m}; --month {before:%Y-%m} shows the month before")
    remark_if_unknown(session, kept, call_count=answer.total.call_count + answer.total.voided_call_count)
    remark_if_incomplete(session, complete=answer.complete)


def _days_of(month: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """Returns the first day of a month, and the first day after it."""
    found = _MONTH.fullmatch(month) if month else None
    if month and (found is None or not 1 <= int(found[2]) <= 12):
        raise ValueError(f"--month must be a month such as 2026-11, not {month!r}")
    first = dt.date(int(found[1]), int(found[2]), 1) if found else today.replace(day=1)
    return first, (first + dt.timedelta(days=31)).replace(day=1)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def _figures(answer: QueryUsageResponse, zone: ZoneInfo, metric: Shown) -> Mapping[tuple[dt.date, int], int]:
    """Returns figures by local day and hour. An hour that the clocks repeat is one cell; one that they skip is none."""
    found: Counter[tuple[dt.date, int]] = Counter()
    points = answer.groups[0].points if answer.groups else [UsagePoint()] * len(answer.buckets)
    for bucket, point in zip(answer.buckets, points, strict=True):
        local = moment_of(bucket.start_time).astimezone(zone)
        found[local.date(), local.hour] += _measure(point, metric)
    return found


def _measure(point: UsagePoint, metric: Shown) -> int:
    match metric:
        case Shown.CHARGE:
            return point.charge_nano_credits
        case Shown.TOKENS:
            return point.input_token_count + point.output_token_count
        case Shown.CALLS:
            return point.call_count


def _by_hours(figures: Mapping[tuple[dt.date, int], int], first: dt.date, after: dt.date, metric: Shown) -> HeatMap:
    days = [first + dt.timedelta(days=number) for number in range((after - first).days)]
    cells = {((day - first).days, hour): figure for (day, hour), figure in figures.items()}
    heads = {hour: f"{hour:02}" for hour in range(0, _HOURS, _LABELED_HOURS)}
    labels = [f"{_DAYS[day.weekday()]} {day:%d}" for day in days]
    return HeatMap(labels, _HOURS, cells, heads, 2, _unit(metric, "hour"))


def _by_weekdays(figures: Mapping[tuple[dt.date, int], int], first: dt.date, after: dt.date, metric: Shown) -> HeatMap:
    monday = first - dt.timedelta(days=first.weekday())
    weeks = [monday + dt.timedelta(weeks=number) for number in range(-(-(after - monday).days // 7))]
    cells = {((day - monday).days // 7, day.weekday()): figure for (day, _), figure in figures.items()}
    labels = [f"week of {week:%m-%d}" for week in weeks]
    return HeatMap(labels, len(_DAYS), cells, dict(enumerate(_DAYS)), 5, _unit(metric, "day"))


def _unit(metric: Shown, what: str) -> str:
    figure = "credits" if metric is Shown.CHARGE else metric.value
    return f"{figure} in one {what}; on the right, the sum of the row"


def _writer(metric: Shown) -> Callable[[int], str]:
    return _credits if metric is Shown.CHARGE else lambda figure: f"{figure:,}"


def _credits(nano_credits: int) -> str:
    """Returns credits with two decimals, or more for small amounts. Rounded up: a bound is not below its figures."""
    for places in (2, 4, 6):
        unit = 10 ** (9 - places)
        rounded = -(-nano_credits // unit) * unit
        if nano_credits >= 10 * unit or places == 6:
            return f"{rounded // NANO_CREDITS_PER_CREDIT:,}.{rounded % NANO_CREDITS_PER_CREDIT:09d}"[: -(9 - places)]
    raise AssertionError("the last number of places always fits")


def _has_colors() -> bool:
    """Whether the output is a terminal with colors whose user has not turned them off (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in {"dumb", "", None}
