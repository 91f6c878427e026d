"""The command `megarouter alerts try-rule`: which alerts a rule would have caused."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    GetNotificationRuleRequest,
    Notification,
    SimulatedAlert,
    SimulateNotificationRuleRequest,
)
from megarouter.type.v1.time_range_pb2 import TimeRange

from megarouter_admin.command_line.parsing.commands import Section, command, label
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.resources.alerts.rules import parsed_thresholds
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.names import Collection, scope_name, short_scope
from megarouter_admin.command_line.values.times import parse_moment, timestamp

application = Section()


@command(
    application,
    "try-rule",
    "alerts try-rule budgets",
    "alerts try-rule budgets --at 50% --at 500 --scope groups/research --from 2026-11-01 --until 2026-12-01",
)
def try_rule(
    session: Session,
    rule: Annotated[str, Argument(metavar="RULE", text="The rule to begin with: its id or name.")],
    at: Annotated[
        list[str], Option("--at", metavar="THRESHOLD", text="Other thresholds: 80%, or credits, 500; may be repeated.")
    ] = [],  # noqa: B006 - read, never changed
    scope: Annotated[str, Option(metavar="SCOPE", text="Another scope, as of add-rule.")] = "",
    start: Annotated[str, Option("--from", metavar="TIME", text="Default: the beginning of last month.")] = "",
    end: Annotated[str, Option("--until", metavar="TIME", text="Default: the end of last month, or now.")] = "",
) -> None:
    """Show which alerts a rule would have caused in a past period, without sending any."""
    name = session.name(Collection.NOTIFICATION_RULES, rule)
    wanted = session.router.notification_rules.GetNotificationRule(GetNotificationRuleRequest(name=name))
    if at:
        wanted.threshold_percents[:], wanted.threshold_nano_credits[:] = parsed_thresholds(at)
    if scope:
        wanted.scope = scope_name(session.organization, session.scope(scope))
    request = SimulateNotificationRuleRequest(parent=session.organization, notification_rule=wanted)
    if start:
        request.time_range.CopyFrom(TimeRange(start_time=timestamp(parse_moment(start, session.now))))
        if end:
            request.time_range.end_time.CopyFrom(timestamp(parse_moment(end, session.now)))
    elif end:
        raise ValueError("--until needs --from")
    found = session.router.notification_rules.SimulateNotificationRule(request)
    columns = [
        Column[SimulatedAlert]("when", lambda one: session.ago(one.occur_time)),
        Column[SimulatedAlert]("severity", lambda one: label(Notification.Severity.Name(one.severity), "SEVERITY_")),
        Column[SimulatedAlert]("about", lambda one: one.scope_display_name or short_scope(one.scope)),
        Column[SimulatedAlert]("at", _threshold),
        Column[SimulatedAlert]("budget", lambda one: format_credits(one.limit_nano_credits)),
        Column[SimulatedAlert]("models", lambda one: one.models or "all"),
    ]
    if session.output.json:
        session.output.one(found, [])
        return
    session.output.rows(columns, list(found.alerts), "no alerts")
    plural = "" if found.alert_count == 1 else "s"
    session.output.remark(f"{found.alert_count} alert{plural} about {found.replayed_count} budgets of today")
    if found.approximate:
        session.output.remark("some times are known only to the hour")
    if found.unsupported_event_types:
        session.output.remark(f"not replayed: {', '.join(found.unsupported_event_types)}")


def _threshold(one: SimulatedAlert) -> str:
    return (
        f"{one.threshold_percent} %"
        if one.threshold_percent
        else f"{format_credits(one.threshold_nano_credits)} credits"
    )
