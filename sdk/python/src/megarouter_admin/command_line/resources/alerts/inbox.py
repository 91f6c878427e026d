"""The commands of `megarouter alerts` about the caller's inbox."""

from typing import Annotated

from megarouter.admin.v1.messages import AcknowledgeNotificationRequest, ListNotificationsRequest, Notification

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, command, label
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.filters import all_of
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()


def _severity(one: Notification) -> str:
    return label(Notification.Severity.Name(one.severity), "SEVERITY_")


@command(application, "inbox", "alerts inbox", "alerts inbox --all --filter 'severity = ALERT'")
def inbox(
    session: Session,
    filter_text: FilterOption = "",
    limit: LimitOption = 50,
    *,
    read: Annotated[bool, Option("--all", text="Also what you have marked as read.")] = False,
) -> None:
    """List your alerts, the newest first."""
    request = ListNotificationsRequest(
        parent=session.organization, filter=all_of("" if read else "acknowledged = false", filter_text)
    )
    found = session.listed(session.router.notifications.ListNotifications, request, "notifications", limit)
    columns = [
        Column[Notification]("alert", lambda one: short_name(one.name)),
        Column[Notification]("severity", _severity),
        Column[Notification]("what", lambda one: one.summary),
        Column[Notification]("when", lambda one: session.ago(one.occur_time)),
        Column[Notification]("read", lambda one: session.ago(one.acknowledge_time)),
    ]
    session.output.rows(columns, found, "no alerts")


@command(application, "acknowledge", "alerts acknowledge evt-0123abc")
def acknowledge(session: Session, alert: Annotated[str, Argument(metavar="ALERT", text="Its id or name.")]) -> None:
    """Mark an alert as read."""
    request = AcknowledgeNotificationRequest(name=session.name(Collection.NOTIFICATIONS, alert))
    one = session.router.notifications.AcknowledgeNotification(request)
    session.output.one(
        one,
        [
            ("alert", one.name),
            ("what", one.summary),
            ("when", session.ago(one.occur_time)),
            ("read", session.ago(one.acknowledge_time)),
        ],
    )
