"""The command `megarouter usage summary`."""

from zoneinfo import ZoneInfo

from megarouter.admin.v1.messages import GetUsageSummaryRequest, ModelUse, UsageAverages, UsageSummary

from megarouter_admin.command_line.parsing.commands import Section, command
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.resources.usage.filters import (
    OfGroupOption,
    OfKeyOption,
    OfMemberOption,
    OfModelOption,
    TagOption,
    usage_filter,
)
from megarouter_admin.command_line.resources.usage.periods import period
from megarouter_admin.command_line.resources.usage.questions import (
    FromOption,
    UntilOption,
    change,
    completeness,
    minute,
    percent,
)
from megarouter_admin.command_line.resources.usage.unknown_names import remark_if_unknown
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits

application = Section()


@command(application, "summary", "usage summary", "usage summary --since 2026-11-01 --group Product/Apps")
def summary(
    session: Session,
    since: FromOption = "",
    until: UntilOption = "",
    member: OfMemberOption = "",
    key: OfKeyOption = "",
    group: OfGroupOption = "",
    model: OfModelOption = "",
    tag: TagOption = None,
) -> None:
    """Show averages for each member and call, and the models in use with their shares of calls, spend and members."""
    kept = usage_filter(session, member=member, key=key, group=group, model=model, tag=tag)
    answer = session.router.analytics.GetUsageSummary(
        GetUsageSummaryRequest(
            name=session.organization,
            time_range=period(session, since, until),
            usage_filter=kept,
        )
    )
    session.output.one(answer, _facts(answer))
    if session.output.json:
        return
    session.output.document("\n")
    columns = [
        Column[ModelUse]("model", lambda one: "all others" if one.is_other else one.model.removeprefix("models/")),
        Column[ModelUse]("calls", lambda one: one.total.call_count, Kind.NUMBER),
        Column[ModelUse]("of calls", lambda one: percent(one.call_share_basis_points), Kind.MEASURE),
        Column[ModelUse]("credits", lambda one: one.total.charge_nano_credits, Kind.AMOUNT),
        Column[ModelUse]("of spend", lambda one: percent(one.charge_share_basis_points), Kind.MEASURE),
        Column[ModelUse]("members", lambda one: one.member_count, Kind.NUMBER),
        Column[ModelUse]("of members", lambda one: percent(one.member_share_basis_points), Kind.MEASURE),
    ]
    session.output.rows(columns, answer.models, "no calls")
    remark_if_unknown(session, kept, call_count=answer.total.call_count + answer.total.voided_call_count)
    session.output.total(answer.models, f"{len(answer.models):,} of {answer.model_count:,} models in use")


def _facts(answer: UsageSummary) -> list[tuple[str, str]]:
    zone = ZoneInfo(answer.time_zone)
    now, before = answer.averages, answer.previous_averages
    total, total_before = answer.total, answer.previous_total
    start, end = answer.time_range.start_time, answer.time_range.end_time
    return [
        ("period", f"{minute(start, zone)} to {minute(end, zone)}, {zone.key}"),
        ("calls", f"{total.call_count:,}{change(total.call_count, total_before.call_count)}"),
        (
            "credits",
            format_credits(total.charge_nano_credits)
            + change(total.charge_nano_credits, total_before.charge_nano_credits),
        ),
        ("members with calls", f"{now.active_member_count:,}{_change(now, before, 'active_member_count')}"),
        ("tokens a member", f"{now.token_count_per_member:,}{_change(now, before, 'token_count_per_member')}"),
        (
            "credits a member",
            format_credits(now.charge_nano_credits_per_member) + _change(now, before, "charge_nano_credits_per_member"),
        ),
        (
            "credits a call",
            format_credits(now.charge_nano_credits_per_call) + _change(now, before, "charge_nano_credits_per_call"),
        ),
        ("complete", completeness(complete=answer.complete)),
    ]


def _change(now: UsageAverages, before: UsageAverages, field: str) -> str:
    return change(getattr(now, field), getattr(before, field))
