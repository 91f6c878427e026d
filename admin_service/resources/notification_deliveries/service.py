"""Serves `megarouter.admin.v1.NotificationDeliveries`."""

from collections.abc import Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import notification_delivery_pb2
from megarouter.admin.v1.notification_delivery_pb2 import NotificationAttempt, NotificationDelivery
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, visibility
from admin_service.api.errors import AdminError, permission_denied
from admin_service.api.names import MEMBERS, NOTIFICATION_CHANNELS, NOTIFICATION_DELIVERIES, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import EnumField, NameField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.notification_deliveries import store
from admin_service.resources.notification_deliveries.store import AttemptRow, DeliveryRow
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_ATTEMPTS: Final = 50
_READ: Final = Permission.NOTIFICATION_CHANNELS_READ
_WRITE: Final = Permission.NOTIFICATION_CHANNELS_WRITE

_DELIVERIES: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=DeliveryRow,
    permission=_READ,
    orders={"create_time": SortColumn("d.create_time", "timestamptz")},
    unique=SortColumn("d.delivery_id", "text"),
    default_order="create_time desc",
    fields={
        "channel": NameField("d.channel_id", "organizations/{organization}/notificationChannels/{id}"),
        "state": EnumField.of("d.state", ("PENDING", "DELIVERED", "FAILED", "CANCELED"), "STATE_"),
        "event_type": TextField("e.event_type"),
        "create_time": TimeField("d.create_time"),
    },
)


class NotificationDeliveriesApi:
    """What was sent to channels."""

    service = notification_delivery_pb2.DESCRIPTOR.services_by_name["NotificationDeliveries"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {
            "GetNotificationDelivery": self.get,
            "ListNotificationDeliveries": self.list,
        }
        self.changes: Mapping[str, MakeChange] = {"ReplayNotificationDelivery": replay}
        self.rules: Mapping[str, Rule] = {}

    async def get(
        self, _request: notification_delivery_pb2.GetNotificationDeliveryRequest, caller: Caller
    ) -> NotificationDelivery:
        """GetNotificationDelivery returns one delivery with its latest attempts."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            row = await _existing(connection, caller.resource, _READ)
            return _message(row, await store.latest_attempts(connection, row.organization, row.delivery, MAX_ATTEMPTS))

    async def list(
        self, request: notification_delivery_pb2.ListNotificationDeliveriesRequest, caller: Caller
    ) -> notification_delivery_pb2.ListNotificationDeliveriesResponse:
        """ListNotificationDeliveries returns the deliveries to the channels of the caller's subtree."""
        organization = caller.resource.organization
        query = _DELIVERIES.query(
            request, self._page_tokens, organization,
            Condition("d.organization_id = {}", organization),
            visible_rows(visibility(caller.actor), member=None, group_path=store.PATH),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return notification_delivery_pb2.ListNotificationDeliveriesResponse(
            notification_deliveries=[_message(row) for row in page.rows], next_page_token=page.next_page_token
        )


async def replay(
    _request: notification_delivery_pb2.ReplayNotificationDeliveryRequest, change: Change
) -> NotificationDelivery:
    """ReplayNotificationDelivery sends a delivery again that is over."""
    name = change.caller.resource
    row = await _existing(change.connection, name, _WRITE)
    if row.state == "PENDING":
        message = f"{name} waits for its next attempt already."
        raise AdminError(
            grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, {"state": row.state}
        )
    if not row.channel_display_name:
        message = f"The channel of {name} was deleted."
        raise AdminError(
            grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, {"state": "DELETED"}
        )
    await store.replay_delivery(change.connection, row.organization, row.delivery)
    after = await _existing(change.connection, name, _WRITE)
    change.record(name, _message(row), _message(after), group_path=row.group_path)
    return _message(after)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> DeliveryRow:
    row = await store.get_delivery(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row


def _message(row: DeliveryRow, attempts: Iterable[AttemptRow] = ()) -> NotificationDelivery:
    return NotificationDelivery(
        name=str(ResourceName(row.organization, NOTIFICATION_DELIVERIES, row.delivery)),
        channel="" if row.member else str(ResourceName(row.organization, NOTIFICATION_CHANNELS, row.channel)),
        member=str(ResourceName(row.organization, MEMBERS, row.member)) if row.member else "",
        event_id=row.event,
        event_type=row.event_type,
        state=NotificationDelivery.State.Value(f"STATE_{row.state}"),
        attempt_count=row.attempt_count,
        next_attempt_time=timestamp(row.next_attempt_time) if row.next_attempt_time else None,
        create_time=timestamp(row.create_time),
        end_time=timestamp(row.end_time) if row.end_time else None,
        attempts=map(_attempt, attempts),
        channel_display_name=row.channel_display_name,
    )


def _attempt(row: AttemptRow) -> NotificationAttempt:
    return NotificationAttempt(
        number=row.number,
        start_time=timestamp(row.start_time),
        duration_ms=row.duration_ms,
        address=row.address,
        request=row.request,
        http_status=row.http_status or 0,
        answer=row.answer,
        outcome=row.outcome,
        error=row.error,
        event_ids=row.events,
    )
