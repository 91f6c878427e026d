"""The commands `megarouter usage`."""

import datetime as dt
import enum
from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1.messages import (
    GetOrganizationRequest,
    ListTopConsumersRequest,
    ListUsageFindingsRequest,
    QueryUsageRequest,
    QueryUsageResponse,
    TopConsumer,
    UsageDimension,
    UsageFinding,
    UsageGranularity,
    UsageGroup,
    UsageMeasures,
    UsageMetric,
    UsageValue,
)
from megarouter.type.v1.time_range_pb2 import TimeRange

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, SinceOption, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.rendering.charts import bar, sparkline
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.filters import all_of, created_since
from megarouter_admin.command_line.values.names import short_name
from megarouter_admin.command_line.values.times import moment_of, parse_duration, parse_moment, timestamp

application = Section()

BAR_WIDTH = 30
LINE_WIDTH = 30
DEFAULT_DAYS = 30


class By(enum.StrEnum):
    """What usage is divided by."""

    MODEL = "model"
    MEMBER = "member"
    KEY = "key"
    GROUP = "group"

    def value_of_api(self) -> "UsageDimension.ValueType":
        """Returns the dimension as the API's enum value."""
        return UsageDimension.Value(f"USAGE_DIMENSION_{'API_KEY' if self is By.KEY else self.name}")


class Measure(enum.StrEnum):
    """What makes a consumer large."""

    CHARGE = "charge"
    TOKENS = "tokens"


FromOption = Annotated[
    str,
    Option("--since", metavar="WHEN", text="Start, such as 2026-11-01, or how long before the end: 7d. Default: 30d."),
]
UntilOption = Annotated[
    str, Option("--until", metavar="WHEN", text="End, not included, written as --since. Default: now.")
]


@command(application, "show", "usage show", "usage show --by model --since 7d", "usage show --since 2026-11-01 --json")
def show(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    by: Annotated[By | None, Option("--by", text="Divide by model, member, key or group instead of days.")] = None,
    limit: Annotated[int, Option("--limit", metavar="N", minimum=1, text="Rows with --by, at most 1000.")] = 20,
) -> None:
    """Show what you may see of the organization's usage: the total, and by day. Days are those of the organization's time zone."""
    answer = session.router.analytics.QueryUsage(
        QueryUsageRequest(
            name=session.organization,
            time_range=_period(session, since, until),
            group_by=[by.value_of_api()] if by else [],
            granularity=UsageGranularity.USAGE_GRANULARITY_DAY,
            limit=limit,
            compare_with_previous=True,
        )
    )
    session.output.one(answer, _facts(answer))
    if session.output.json:
        return
    session.output.document("\n")
    if by:
        session.output.rows(_group_columns(by, answer), answer.groups, "no calls")
    else:
        _show_days(session, answer)


@command(
    application, "top", "usage top", "usage top --by model --metric tokens", "usage top --by key --since 7d --limit 5"
)
def top(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    by: Annotated[By, Option("--by", text="Who or what: model, member, key or group.")] = By.MEMBER,
    metric: Annotated[Measure, Option("--metric", text="What counts: charge or tokens.")] = Measure.CHARGE,
    limit: Annotated[int, Option("--limit", metavar="N", minimum=1, text="Rows, at most 1000.")] = 20,
) -> None:
    """List who or what used most, the largest first."""
    answer = session.router.analytics.ListTopConsumers(
        ListTopConsumersRequest(
            parent=session.organization,
            page_size=limit,
            dimension=by.value_of_api(),
            time_range=_period(session, since, until),
            metric=UsageMetric.Value(f"USAGE_METRIC_{metric.name}"),
        )
    )
    if session.output.json:
        session.output.one(answer, [])
        return
    largest = max((_size(one.total, metric) for one in answer.top_consumers), default=0)
    columns = [
        Column[TopConsumer](by, lambda one: _label(one.consumer)),
        Column[TopConsumer]("calls", lambda one: one.total.call_count, Kind.NUMBER),
        Column[TopConsumer]("tokens", lambda one: one.total.token_count, Kind.NUMBER),
        Column[TopConsumer]("credits", lambda one: one.total.charge_nano_credits, Kind.AMOUNT),
        Column[TopConsumer]("share", lambda one: _percent(_share(one, metric)), Kind.MEASURE),
        Column[TopConsumer]("", lambda one: bar(_size(one.total, metric), largest, BAR_WIDTH)),
    ]
    session.output.rows(columns, answer.top_consumers, "no calls")
    session.output.total(
        answer.top_consumers,
        f"{len(answer.top_consumers):,} of {answer.consumer_count:,}, in all {answer.total.call_count:,} calls,"
        f" {format_credits(answer.total.charge_nano_credits)} credits",
    )


def _period(session: Session, since: str, until: str) -> TimeRange:
    organization = session.router.organizations.GetOrganization(GetOrganizationRequest(name=session.organization))
    zone = ZoneInfo(organization.time_zone or "UTC")
    end = _moment_before(until or "0", session.now, zone, session.now)
    start = _moment_before(since or f"{DEFAULT_DAYS}d", end, zone, session.now)
    if not since or _is_duration(since):
        start = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return TimeRange(start_time=timestamp(start), end_time=timestamp(end))


def _moment_before(text: str, end: dt.datetime, zone: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """Reads a date, a time, or a duration before the end."""
    return end - parse_duration(text) if _is_duration(text) else parse_moment(text, now, zone)


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


def _facts(answer: QueryUsageResponse) -> list[tuple[str, str]]:
    zone = ZoneInfo(answer.time_zone)
    total, before = answer.total, answer.previous_total
    tokens = total.tokens
    return [
        (
            "period",
            f"{_minute(answer.buckets[0].start_time, zone)} to {_minute(answer.buckets[-1].end_time, zone)}, {zone.key}",
        ),
        ("calls", f"{total.call_count:,}{_change(total.call_count, before.call_count)}"),
        ("failed calls", f"{total.voided_call_count:,}" if total.voided_call_count else ""),
        (
            "tokens",
            f"{total.token_count:,} ({tokens.input_token_count:,} in, {tokens.output_token_count:,} out)"
            + _change(total.token_count, before.token_count),
        ),
        (
            "credits",
            format_credits(total.charge_nano_credits) + _change(total.charge_nano_credits, before.charge_nano_credits),
        ),
        ("complete", "yes" if answer.complete else "no, calls are still open or to come"),
    ]


def _show_days(session: Session, answer: QueryUsageResponse) -> None:
    zone = ZoneInfo(answer.time_zone)
    points = answer.groups[0].points
    largest = max((point.charge_nano_credits for point in points), default=0)
    days = [(bucket, point) for bucket, point in zip(answer.buckets, points, strict=True)]
    session.output.rows(
        [
            Column("day", lambda day: moment_of(day[0].start_time).astimezone(zone).date().isoformat()),
            Column("calls", lambda day: day[1].call_count, Kind.NUMBER),
            Column("tokens", lambda day: day[1].input_token_count + day[1].output_token_count, Kind.NUMBER),
            Column("credits", lambda day: day[1].charge_nano_credits, Kind.AMOUNT),
            Column("", lambda day: bar(day[1].charge_nano_credits, largest, BAR_WIDTH)),
        ],
        days,
        "no days",
    )


def _group_columns(by: By, answer: QueryUsageResponse) -> Sequence[Column[UsageGroup]]:
    charge = answer.total.charge_nano_credits
    return [
        Column[UsageGroup](by, lambda group: "all others" if group.is_other else _label(group.values[0])),
        Column[UsageGroup]("calls", lambda group: group.total.call_count, Kind.NUMBER),
        Column[UsageGroup]("tokens", lambda group: group.total.token_count, Kind.NUMBER),
        Column[UsageGroup]("credits", lambda group: group.total.charge_nano_credits, Kind.AMOUNT),
        Column[UsageGroup](
            "share",
            lambda group: _percent(10_000 * group.total.charge_nano_credits // charge) if charge else "",
            Kind.MEASURE,
        ),
        Column[UsageGroup](
            "by day", lambda group: sparkline([point.charge_nano_credits for point in group.points], LINE_WIDTH)
        ),
    ]


def _label(value: UsageValue) -> str:
    """Returns a value as people call it. The name of a model may have slashes."""
    is_model = value.value.startswith("models/")
    name = value.value.removeprefix("models/") if is_model else value.display_name or short_name(value.value)
    return f"{name} (deleted)" if value.is_deleted else name or "none"


def _size(total: UsageMeasures, metric: Measure) -> int:
    return total.token_count if metric is Measure.TOKENS else total.charge_nano_credits


def _share(one: TopConsumer, metric: Measure) -> int:
    return one.token_share_basis_points if metric is Measure.TOKENS else one.charge_share_basis_points


def _percent(basis_points: int) -> str:
    return f"{basis_points // 100}.{basis_points % 100 // 10}%"


def _change(now: int, before: int) -> str:
    """Returns the change against the period before in percent, such as ` (+12%)`; empty if there was nothing."""
    return f" ({100 * (now - before) / before:+,.0f}%)" if before > 0 else ""


def _minute(moment: Timestamp, zone: ZoneInfo) -> str:
    return f"{moment_of(moment).astimezone(zone):%Y-%m-%d %H:%M}"


def _kinds(finding: UsageFinding) -> str:
    return ", ".join(
        UsageFinding.Kind.Name(kind).removeprefix("KIND_").lower().replace("_", " ") for kind in finding.kinds
    )


@command(application, "findings", "usage findings --since 2026-11-01", "usage findings --filter 'kinds : unpriced'")
def list_findings(
    session: Session, since: SinceOption = "", filter_text: FilterOption = "", limit: LimitOption = 100
) -> None:
    """List calls whose usage report is not right, newest first."""
    found_since = created_since(since, session.now)
    request = ListUsageFindingsRequest(parent=session.organization, filter=all_of(filter_text, found_since))
    findings = session.listed(session.router.usage.ListUsageFindings, request, "usage_findings", limit)
    columns = [
        Column[UsageFinding]("when", lambda finding: session.ago(finding.create_time)),
        Column[UsageFinding]("found", _kinds),
        Column[UsageFinding]("model", lambda finding: short_name(finding.model)),
        Column[UsageFinding]("answered by", lambda finding: finding.answered_model),
        Column[UsageFinding](
            "by", lambda finding: finding.owner_display_name or short_name(finding.member or finding.service_account)
        ),
        Column[UsageFinding]("charged", lambda finding: format_credits(finding.charge_nano_credits)),
        Column[UsageFinding]("why", lambda finding: finding.reason),
    ]
    session.output.rows(columns, findings, "no findings")
