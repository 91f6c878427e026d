"""Serves `megarouter.admin.v1.Notifications`."""

import json
from collections.abc import Mapping
from typing import Final

import asyncpg
from google.protobuf.struct_pb2 import Struct
from megarouter.admin.v1 import notification_pb2
from megarouter.admin.v1.notification_pb2 import Notification

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.api.errors import permission_denied
from admin_service.api.names import NOTIFICATIONS, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import BooleanField, EnumField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.notifications import store
from admin_service.resources.notifications.store import EntryRow
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.alerts.wording import sentence_of
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_ENTRIES: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=EntryRow,
    permission=Permission.NOTIFICATIONS_READ,
    orders={"create_time": SortColumn("i.create_time", "timestamptz")},
    unique=SortColumn("i.event_id", "text"),
    default_order="create_time desc",
    fields={
        "event_type": TextField("e.event_type"),
        "severity": EnumField.of("e.severity", ("INFO", "WARNING", "ALERT"), "SEVERITY_"),
        "occur_time": TimeField("e.occur_time"),
        "acknowledged": BooleanField("(i.acknowledge_time IS NOT NULL)"),
    },
)


class NotificationsApi:
    """The inboxes of members."""

    service = notification_pb2.DESCRIPTOR.services_by_name["Notifications"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self.handlers: Mapping[str, Handle] = {"ListNotifications": self.list}
        self.changes: Mapping[str, MakeChange] = {"AcknowledgeNotification": acknowledge}
        self.rules: Mapping[str, Rule] = {}

    async def list(
        self, request: notification_pb2.ListNotificationsRequest, caller: Caller
    ) -> notification_pb2.ListNotificationsResponse:
        """ListNotifications returns what is in the caller's own inbox."""
        organization = caller.resource.organization
        query = _ENTRIES.query(
            request, self._page_tokens, organization,
            Condition("i.organization_id = {}", organization),
            Condition("i.member_id = {}", caller.actor.member),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return notification_pb2.ListNotificationsResponse(
            notifications=map(_message, page.rows), next_page_token=page.next_page_token
        )


async def acknowledge(_request: notification_pb2.AcknowledgeNotificationRequest, change: Change) -> Notification:
    """AcknowledgeNotification marks an entry of the caller's inbox as read. It is no change that the audit log lists."""
    name, member = change.caller.resource, change.caller.actor.member
    await _existing(change.connection, name, member)
    await store.acknowledge_entry(change.connection, name.organization, member, str(name.resource_id))
    return _message(await _existing(change.connection, name, member))


async def _existing(connection: Connection, name: ResourceName, member: str) -> EntryRow:
    row = await store.get_entry(connection, name.organization, member, str(name.resource_id))
    if row is None:
        raise permission_denied(Permission.NOTIFICATIONS_WRITE, str(name))
    return row


def _message(row: EntryRow) -> Notification:
    data = json.loads(row.data)
    shown = Struct()
    shown.update(data)
    return Notification(
        name=str(ResourceName(row.organization, NOTIFICATIONS, row.event)),
        event_type=row.event_type,
        severity=Notification.Severity.Value(f"SEVERITY_{row.severity}"),
        summary=sentence_of(row.event_type, data),
        occur_time=timestamp(row.occur_time),
        acknowledge_time=timestamp(row.acknowledge_time) if row.acknowledge_time else None,
        data=shown,
    )
