"""The commands of `megarouter alerts` about what was sent."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    GetNotificationDeliveryRequest,
    ListNotificationDeliveriesRequest,
    NotificationAttempt,
    NotificationDelivery,
    ReplayNotificationDeliveryRequest,
)

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, command, label
from megarouter_admin.command_line.parsing.options import Argument
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()

DeliveryArgument = Annotated[str, Argument(metavar="DELIVERY", text="Its id or name.")]


def _state(one: NotificationDelivery) -> str:
    return label(NotificationDelivery.State.Name(one.state), "STATE_")


def _facts(session: Session, one: NotificationDelivery) -> list[tuple[str, str]]:
    return [
        ("delivery", one.name),
        ("event", f"{one.event_type} {one.event_id}"),
        ("to", one.member or one.channel_display_name or one.channel),
        ("state", _state(one)),
        ("attempts", str(one.attempt_count)),
        ("next", session.ago(one.next_attempt_time)),
        ("created", session.ago(one.create_time)),
        ("over", session.ago(one.end_time)),
    ]


@command(application, "deliveries", "alerts deliveries", "alerts deliveries --filter 'state = FAILED'")
def list_deliveries(session: Session, filter_text: FilterOption = "", limit: LimitOption = 50) -> None:
    """List what was sent to channels, the newest first."""
    request = ListNotificationDeliveriesRequest(parent=session.organization, filter=filter_text)
    found = session.listed(
        session.router.notification_deliveries.ListNotificationDeliveries, request, "notification_deliveries", limit
    )
    columns = [
        Column[NotificationDelivery]("delivery", lambda one: short_name(one.name)),
        Column[NotificationDelivery]("event", lambda one: one.event_type),
        Column[NotificationDelivery]("to", lambda one: one.channel_display_name or short_name(one.channel)),
        Column[NotificationDelivery]("state", _state),
        Column[NotificationDelivery]("attempts", lambda one: one.attempt_count, Kind.NUMBER),
        Column[NotificationDelivery]("created", lambda one: session.ago(one.create_time)),
    ]
    session.output.rows(columns, found, "no deliveries")


@command(application, "delivery", "alerts delivery dlv-0123abc")
def show_delivery(session: Session, delivery: DeliveryArgument) -> None:
    """Show a delivery with its attempts."""
    request = GetNotificationDeliveryRequest(name=session.name(Collection.NOTIFICATION_DELIVERIES, delivery))
    found = session.router.notification_deliveries.GetNotificationDelivery(request)
    session.output.one(found, _facts(session, found))
    if session.output.json or not found.attempts:
        return
    columns = [
        Column[NotificationAttempt]("attempt", lambda one: one.number, Kind.NUMBER),
        Column[NotificationAttempt]("when", lambda one: session.ago(one.start_time)),
        Column[NotificationAttempt]("ms", lambda one: one.duration_ms, Kind.NUMBER),
        Column[NotificationAttempt]("to", lambda one: one.address),
        Column[NotificationAttempt]("status", lambda one: str(one.http_status or "")),
        Column[NotificationAttempt]("outcome", lambda one: one.outcome.lower()),
        Column[NotificationAttempt]("events", lambda one: str(len(one.event_ids) or ""), Kind.NUMBER),
        Column[NotificationAttempt]("error", lambda one: one.error),
    ]
    session.output.rows(columns, list(found.attempts), "")


@command(application, "replay", "alerts replay dlv-0123abc")
def replay(session: Session, delivery: DeliveryArgument) -> None:
    """Send a delivery again. It keeps the id of its message, so that a receiver can tell."""
    request = ReplayNotificationDeliveryRequest(name=session.name(Collection.NOTIFICATION_DELIVERIES, delivery))
    found = session.router.notification_deliveries.ReplayNotificationDelivery(request)
    session.output.one(found, _facts(session, found))
