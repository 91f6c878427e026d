"""The commands `megarouter usage show`, `usage top` and `usage findings`."""

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1.messages import (
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

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, SinceOption, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.rendering.charts import bar, sparkline
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.resources.usage.filters import (
    OfGroupOption,
    OfKeyOption,
    OfMemberOption,
    OfModelOption,
    TagOption,
    usage_filter,
)
from megarouter_admin.command_line.resources.usage.latencies import percentiles, seconds
from megarouter_admin.command_line.resources.usage.periods import period
from megarouter_admin.command_line.resources.usage.unknown_names import remark_if_unknown
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.filters import all_of, created_since
from megarouter_admin.command_line.values.names import short_name
from megarouter_admin.command_line.values.times import moment_of

application = Section()

_MOST_DAYS = dt.timedelta(days=93)
"""Longer periods are shown by week."""
_LONGEST_NAME = 48
"""Characters of a name in a table. `--json` has all of them."""


_DIVIDE = (
    "Divide by model, member, key, group, tag:NAME, or group-level-1 to group-level-4 (the group of that level above the"
    " member) instead of days."
)


class By(enum.StrEnum):
    """What usage is divided by."""

    MODEL = "model"
    MEMBER = "member"
    KEY = "key"
    GROUP = "group"
    GROUP_LEVEL_1 = "group-level-1"
    GROUP_LEVEL_2 = "group-level-2"
    GROUP_LEVEL_3 = "group-level-3"
    GROUP_LEVEL_4 = "group-level-4"

    def value_of_api(self) -> "UsageDimension.ValueType":
        """Returns the dimension as the API's enum value."""
        return UsageDimension.Value(f"USAGE_DIMENSION_{'API_KEY' if self is By.KEY else self.name}")


@dataclass(frozen=True, slots=True)
class Division:
    """What usage is divided by: a dimension of the API, or a tag."""

    title: str
    dimension: "UsageDimension.ValueType"
    tag: str


def division_of(text: str) -> Division:
    """Reads `--by`: model, member, key, group, group-level-1 to group-level-4, or tag:NAME.

    Raises:
        ValueError: it is none of them.
    """
    prefix, colon, tag = text.partition(":")
    if prefix == "tag" and colon:
        if not tag:
            raise ValueError("--by tag:NAME needs the name of a tag, such as tag:project")
        return Division(text, UsageDimension.USAGE_DIMENSION_UNSPECIFIED, tag)
    if text not in list(By):
        raise ValueError(f"--by must be {', '.join(By)} or tag:NAME, not {text!r}")
    return Division(text, By(text).value_of_api(), "")


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


@command(
    application,
    "show",
    "usage show",
    "usage show --by model --since 7d",
    "usage show --by tag:project --tag env=test",
    "usage show --by key --member emma",
    "usage show --by group-level-1",
    "usage show --since 2026-11-01 --json",
)
def show(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    by: Annotated[str, Option("--by", metavar="WHAT", text=_DIVIDE)] = "",
    limit: Annotated[int, Option("--limit", metavar="N", minimum=1, text="Rows with --by, at most 1000.")] = 20,
    member: OfMemberOption = "",
    key: OfKeyOption = "",
    group: OfGroupOption = "",
    model: OfModelOption = "",
    tag: TagOption = None,
    *,
    latencies: Annotated[bool, Option("--latencies", text="Also show how long calls took.")] = False,
) -> None:
    """Show what you may see of the organization's usage: the total, and by day. Days are those of the organization's time zone."""
    division = division_of(by) if by else None
    kept = usage_filter(session, member=member, key=key, group=group, model=model, tag=tag)
    asked = period(session, since, until)
    is_long = moment_of(asked.end_time) - moment_of(asked.start_time) > _MOST_DAYS
    # Programs get days of any period.
    step = "week" if is_long and not session.output.json else "day"
    answer = session.router.analytics.QueryUsage(
        QueryUsageRequest(
            name=session.organization,
            time_range=asked,
            group_by=[division.dimension] if division and division.dimension else [],
            group_by_tags=[division.tag] if division and division.tag else [],
            usage_filter=kept,
            granularity=UsageGranularity.Value(f"USAGE_GRANULARITY_{step.upper()}"),
            limit=limit,
            compare_with_previous=True,
            with_latencies=latencies,
        )
    )
    session.output.one(answer, _facts(answer))
    if session.output.json:
        return
    call_count = answer.total.call_count + answer.total.voided_call_count
    if call_count:
        session.output.document("\n")
    if division:
        session.output.rows(_group_columns(division, step, answer), answer.groups, "no calls")
    else:
        _show_steps(session, step, answer if call_count else None)
    remark_if_unknown(session, kept, call_count=call_count)


@command(
    application,
    "top",
    "usage top",
    "usage top --by model --metric tokens",
    "usage top --by tag:project",
    "usage top --by key --since 7d --limit 5",
)
def top(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    by: Annotated[str, Option("--by", metavar="WHAT", text="Who or what: as for `usage show`.")] = By.MEMBER,
    metric: Annotated[Measure, Option("--metric", text="What counts: charge or tokens.")] = Measure.CHARGE,
    limit: Annotated[int, Option("--limit", metavar="N", minimum=1, text="Rows, at most 1000.")] = 20,
    member: OfMemberOption = "",
    key: OfKeyOption = "",
    group: OfGroupOption = "",
    model: OfModelOption = "",
    tag: TagOption = None,
) -> None:
    """List who or what used most, the largest first."""
    division = division_of(by)
    kept = usage_filter(session, member=member, key=key, group=group, model=model, tag=tag)
    answer = session.router.analytics.ListTopConsumers(
        ListTopConsumersRequest(
            parent=session.organization,
            page_size=limit,
            dimension=division.dimension,
            tag=division.tag,
            usage_filter=kept,
            time_range=period(session, since, until),
            metric=UsageMetric.Value(f"USAGE_METRIC_{metric.name}"),
        )
    )
    if session.output.json:
        session.output.one(answer, [])
        return
    largest = max((_size(one.total, metric) for one in answer.top_consumers), default=0)
    columns = [
        Column[TopConsumer](division.title, lambda one: label(one.consumer)),
        Column[TopConsumer]("calls", lambda one: one.total.call_count, Kind.NUMBER),
        Column[TopConsumer]("tokens", lambda one: one.total.token_count, Kind.NUMBER),
        Column[TopConsumer]("credits", lambda one: one.total.charge_nano_credits, Kind.AMOUNT),
        Column[TopConsumer]("share", lambda one: percent(_share(one, metric)), Kind.MEASURE),
        Column[TopConsumer]("", lambda one: partial(bar, _size(one.total, metric), largest), Kind.CHART),
    ]
    session.output.rows(columns, answer.top_consumers, "no calls")
    session.output.total(
        answer.top_consumers,
        f"{len(answer.top_consumers):,} of {answer.consumer_count:,}, in all {answer.total.call_count:,} calls,"
        f" {format_credits(answer.total.charge_nano_credits)} credits",
    )
    remark_if_unknown(session, kept, call_count=len(answer.top_consumers))
    remark_if_incomplete(session, complete=answer.complete)


def _facts(answer: QueryUsageResponse) -> list[tuple[str, str]]:
    zone = ZoneInfo(answer.time_zone)
    total, before = answer.total, answer.previous_total
    tokens = total.tokens
    return [
        (
            "period",
            f"{minute(answer.buckets[0].start_time, zone)} to {minute(answer.buckets[-1].end_time, zone)}, {zone.key}",
        ),
        ("calls", f"{total.call_count:,}{change(total.call_count, before.call_count)}"),
        ("failed calls", f"{total.voided_call_count:,}" if total.voided_call_count else ""),
        (
            "tokens",
            f"{total.token_count:,} ({tokens.input_token_count:,} in, {tokens.output_token_count:,} out)"
            + change(total.token_count, before.token_count),
        ),
        (
            "credits",
            format_credits(total.charge_nano_credits) + change(total.charge_nano_credits, before.charge_nano_credits),
        ),
        ("duration", percentiles(total.durations)),
        ("first byte", percentiles(total.first_bytes)),
        ("complete", completeness(complete=answer.complete)),
    ]


def completeness(*, complete: bool) -> str:
    """Says whether the figures of a period are final."""
    return "yes" if complete else "no, calls are still open or to come"


def remark_if_incomplete(session: Session, *, complete: bool) -> None:
    """Says so below figures that may still grow, where no fact about the period is shown."""
    if not complete:
        session.output.remark("not complete: calls are still open or to come")


def _show_steps(session: Session, step: str, answer: QueryUsageResponse | None) -> None:
    """Shows the days or weeks of an answer; None stands for one without calls."""
    if answer is None:
        session.output.remark("no calls")
        return
    zone = ZoneInfo(answer.time_zone)
    points = answer.groups[0].points
    largest = max((point.charge_nano_credits for point in points), default=0)
    days = [(bucket, point) for bucket, point in zip(answer.buckets, points, strict=True)]
    session.output.rows(
        [
            Column(step, lambda day: moment_of(day[0].start_time).astimezone(zone).date().isoformat()),
            Column("calls", lambda day: day[1].call_count, Kind.NUMBER),
            Column("tokens", lambda day: day[1].input_token_count + day[1].output_token_count, Kind.NUMBER),
            Column("credits", lambda day: day[1].charge_nano_credits, Kind.AMOUNT),
            Column("", lambda day: partial(bar, day[1].charge_nano_credits, largest), Kind.CHART),
        ],
        days,
        "no days",
    )


def _group_columns(by: Division, step: str, answer: QueryUsageResponse) -> Sequence[Column[UsageGroup]]:
    columns = _summed_columns(by, step, answer)
    if answer.total.HasField("durations"):
        bound = Column[UsageGroup](
            "90% below",
            lambda group: seconds(group.total.durations.p90.below_ms) if group.total.durations.p90.below_ms else "",
            Kind.MEASURE,
        )
        columns.insert(-1, bound)
    return columns


def _summed_columns(by: Division, step: str, answer: QueryUsageResponse) -> list[Column[UsageGroup]]:
    charge = answer.total.charge_nano_credits
    return [
        Column[UsageGroup](by.title, lambda group: "all others" if group.is_other else label(group.values[0])),
        Column[UsageGroup]("calls", lambda group: group.total.call_count, Kind.NUMBER),
        Column[UsageGroup]("tokens", lambda group: group.total.token_count, Kind.NUMBER),
        Column[UsageGroup]("credits", lambda group: group.total.charge_nano_credits, Kind.AMOUNT),
        Column[UsageGroup](
            "share",
            lambda group: percent(10_000 * group.total.charge_nano_credits // charge) if charge else "",
            Kind.MEASURE,
        ),
        Column[UsageGroup](
            f"by {step}",
            lambda group: partial(sparkline, [point.charge_nano_credits for point in group.points]),
            Kind.CHART,
        ),
    ]


def label(value: UsageValue) -> str:
    """Returns a value as people call it, shortened so that a table stays readable. The name of a model may have slashes."""
    is_model = value.value.startswith("models/")
    name = value.value.removeprefix("models/") if is_model else value.display_name or short_name(value.value)
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}…"
    return f"{name} (deleted)" if value.is_deleted else name or "none"


def _size(total: UsageMeasures, metric: Measure) -> int:
    return total.token_count if metric is Measure.TOKENS else total.charge_nano_credits


def _share(one: TopConsumer, metric: Measure) -> int:
    return one.token_share_basis_points if metric is Measure.TOKENS else one.charge_share_basis_points


def percent(basis_points: int) -> str:
    """Returns hundredths of a percent as a percentage with one decimal."""
    return f"{basis_points // 100}.{basis_points % 100 // 10}%"


def change(now: int, before: int) -> str:
    """Returns the change against the period before in percent, such as ` (+12%)`; empty if there was nothing."""
    if before <= 0:
        return ""
    percentage = round(100 * (now - before) / before)
    return f" ({percentage:+,}%)" if percentage else " (0%)"


def minute(moment: Timestamp, zone: ZoneInfo) -> str:
    """Formats a moment on the clocks of a zone."""
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
