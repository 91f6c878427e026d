"""Serves `megarouter.admin.v1.NotificationChannels`."""

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import notification_channel_pb2
from megarouter.admin.v1.notification_channel_pb2 import NotificationChannel
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission, Target, TargetKind, visibility
from admin_service.access.tree_places import MAX_SHOWN, find_place, require_in_use
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.api.etags import check_etag
from admin_service.api.masks import updated_fields
from admin_service.api.names import GROUPS, NOTIFICATION_CHANNELS, NOTIFICATION_DELIVERIES, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import BooleanField, EnumField, TextField, TimeField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.listing.subtrees import visible_rows
from admin_service.resources.notification_channels import store
from admin_service.resources.notification_channels.store import ChannelRow, NewChannel
from admin_service.resources.notification_channels.targets import PAGERDUTY_URL, host_of, problems
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.alerts.targets import AllowedTargets
from gateway_core.stores.channel_seals import Place, Use, seal
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MAX_CHANNELS: Final = 100
OVERLAP: Final = dt.timedelta(days=1)
_READ: Final = Permission.NOTIFICATION_CHANNELS_READ
_WRITE: Final = Permission.NOTIFICATION_CHANNELS_WRITE
_KIND: Final = "KIND_"
_KINDS: Final = tuple(name.removeprefix(_KIND) for name in NotificationChannel.Kind.keys()[1:])
_SECRET_BYTES: Final = 32

_CHANNELS: Final = Listing(
    columns=store.COLUMNS,
    source=store.SOURCE,
    make=ChannelRow,
    permission=_READ,
    orders={"name": SortColumn("c.channel_id")},
    unique=SortColumn("c.channel_id"),
    default_order="name",
    fields={
        "display_name": TextField("c.display_name"),
        "kind": EnumField.of("c.kind", _KINDS, _KIND),
        "disabled": BooleanField("(c.state = 'DISABLED')"),
        "create_time": TimeField("c.create_time"),
    },
    searched=("c.display_name",),
)


class NotificationChannelsApi:
    """Where alerts are sent."""

    service = notification_channel_pb2.DESCRIPTOR.services_by_name["NotificationChannels"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        page_tokens: PageTokens,
        make_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        channel_key: bytes | None,
        allowed: AllowedTargets,
    ) -> None:
        """Prepares the handlers.

        Args:
            pool: logged in as admin_service's role.
            page_tokens: makes and reads page tokens.
            make_id: returns a new id with a prefix.
            random_bytes: returns this many random bytes.
            channel_key: seals targets and secrets. None: the deployment has no channels.
            allowed: internal servers to which alerts may go.
        """
        self._pool = pool
        self._page_tokens = page_tokens
        self._make_id = make_id
        self._random_bytes = random_bytes
        self._key = channel_key
        self._allowed = allowed
        self.handlers: Mapping[str, Handle] = {
            "GetNotificationChannel": self.get,
            "ListNotificationChannels": self.list,
        }
        self.changes: Mapping[str, MakeChange] = {
            "CreateNotificationChannel": self.create,
            "UpdateNotificationChannel": self.update,
            "RotateNotificationChannelSecret": self.rotate,
            "SendTestNotification": self.send_test,
            "DeleteNotificationChannel": delete,
        }
        self.rules: Mapping[str, Rule] = {
            "CreateNotificationChannel": self._check_new,
            "UpdateNotificationChannel": _check_update,
        }

    def _check_new(
        self, request: notification_channel_pb2.CreateNotificationChannelRequest
    ) -> Iterable[FieldViolation]:
        wanted = request.notification_channel
        for field, problem in problems(_kind(wanted), wanted.target, wanted.secret, self._allowed):
            yield FieldViolation(f"notification_channel.{field}", problem)

    async def get(
        self, _request: notification_channel_pb2.GetNotificationChannelRequest, caller: Caller
    ) -> NotificationChannel:
        """GetNotificationChannel returns one channel."""
        async with acting_for(self._pool, caller.resource.organization) as connection:
            return channel_message(await _existing(connection, caller.resource, _READ))

    async def list(
        self, request: notification_channel_pb2.ListNotificationChannelsRequest, caller: Caller
    ) -> notification_channel_pb2.ListNotificationChannelsResponse:
        """ListNotificationChannels returns the channels of the caller's subtree."""
        organization = caller.resource.organization
        query = _CHANNELS.query(
            request, self._page_tokens, organization,
            Condition("c.organization_id = {} AND " + store.LISTED, organization),
            visible_rows(visibility(caller.actor), member=None, group_path=store.PATH),
        )  # fmt: skip
        async with acting_for(self._pool, organization) as connection:
            page = await query.read(connection)
        return notification_channel_pb2.ListNotificationChannelsResponse(
            notification_channels=map(channel_message, page.rows), next_page_token=page.next_page_token
        )

    async def create(
        self, request: notification_channel_pb2.CreateNotificationChannelRequest, change: Change
    ) -> notification_channel_pb2.CreateNotificationChannelResponse:
        """CreateNotificationChannel adds a channel. A repeated request gets no secret."""
        connection, wanted, caller = change.connection, request.notification_channel, change.caller
        organization = caller.resource.organization
        place = await find_place(connection, organization, wanted.group, _WRITE)
        caller.require(
            _WRITE, Target(organization, TargetKind.SPEND, place.path), wanted.group[:MAX_SHOWN] or place.name
        )
        require_in_use(place)
        if await store.count_channels(connection, organization) >= MAX_CHANNELS:
            message = f"An organization has at most {MAX_CHANNELS} channels. Delete one that is no longer needed."
            reason, metadata = ErrorReason.NOTIFICATION_LIMIT_REACHED, {"limit": str(MAX_CHANNELS)}
            raise AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, metadata)
        name = ResourceName(organization, NOTIFICATION_CHANNELS, self._make_id("channel"))
        kind = _kind(wanted)
        secret = self._new_secret() if kind == "CALLBACK" else wanted.secret
        target = wanted.target or PAGERDUTY_URL
        new = NewChannel(
            kind=kind,
            display_name=wanted.display_name,
            group=place.group,
            target_hint=host_of(target),
            sealed_target=self._sealed(name, "target", target),
            sealed_secret=self._sealed(name, "secret", secret) if secret else None,
        )
        await store.add_channel(connection, organization, str(name.resource_id), new)
        made = await _existing(connection, name, _WRITE)
        change.record(name, None, channel_message(made), group_path=place.path)
        answer = notification_channel_pb2.CreateNotificationChannelResponse
        change.repeat_answer = answer(notification_channel=channel_message(made), secret_already_issued=True)
        return answer(notification_channel=channel_message(made), secret=secret if kind == "CALLBACK" else "")

    async def update(
        self, request: notification_channel_pb2.UpdateNotificationChannelRequest, change: Change
    ) -> NotificationChannel:
        """UpdateNotificationChannel changes a channel."""
        connection, name, asked = change.connection, change.caller.resource, request.notification_channel
        row = await _existing(connection, name, _WRITE)
        check_etag(asked.etag, row.etag)
        fields = updated_fields(request.update_mask, asked)
        if violations := list(_update_problems(row.kind, asked, fields, self._allowed)):
            raise invalid_fields(*violations)
        if "display_name" in fields:
            await store.rename_channel(connection, row, asked.display_name)
        if "target" in fields and asked.target:
            sealed = self._sealed(name, "target", asked.target)
            await store.aim_channel(connection, row, host_of(asked.target), sealed)
        if "secret" in fields:
            await store.set_secret(
                connection, row, self._sealed(name, "secret", asked.secret) if asked.secret else None
            )
        if "disabled" in fields and asked.disabled != row.is_disabled:
            await store.switch_channel(connection, row, disabled=asked.disabled)
        after = await _existing(connection, name, _WRITE)
        change.record(name, channel_message(row), channel_message(after), group_path=row.group_path)
        return channel_message(after)

    async def rotate(
        self, _request: notification_channel_pb2.RotateNotificationChannelSecretRequest, change: Change
    ) -> notification_channel_pb2.RotateNotificationChannelSecretResponse:
        """RotateNotificationChannelSecret gives a callback a new secret. A repeated request gets none."""
        name = change.caller.resource
        row = await _existing(change.connection, name, _WRITE)
        if row.kind != "CALLBACK":
            raise invalid_fields(
                FieldViolation("name", "must be a callback: other products give the secret themselves")
            )
        secret = self._new_secret()
        await store.rotate_secret(change.connection, row, self._sealed(name, "secret", secret), OVERLAP)
        after = await _existing(change.connection, name, _WRITE)
        change.record(name, channel_message(row), channel_message(after), group_path=row.group_path)
        answer = notification_channel_pb2.RotateNotificationChannelSecretResponse
        change.repeat_answer = answer(notification_channel=channel_message(after), secret_already_issued=True)
        return answer(notification_channel=channel_message(after), secret=secret)

    async def send_test(
        self, _request: notification_channel_pb2.SendTestNotificationRequest, change: Change
    ) -> notification_channel_pb2.SendTestNotificationResponse:
        """SendTestNotification writes a test event with its delivery."""
        name = change.caller.resource
        row = await _existing(change.connection, name, _WRITE)
        if row.is_disabled:
            message = f"{name} is switched off. Switch it on first."
            metadata = {"state": "DISABLED"}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
        event, delivery = self._make_id("evt"), self._make_id("dlv")
        data = {
            "version": VERSION,
            "severity": "INFO",
            "organization": f"organizations/{row.organization}",
            "channel": str(name),
        }
        await store.add_test(
            change.connection, row.organization, row.channel, event, delivery, json.dumps(data), row.group_path
        )
        made = ResourceName(row.organization, NOTIFICATION_DELIVERIES, delivery)
        change.record(name, channel_message(row), channel_message(row), group_path=row.group_path)
        return notification_channel_pb2.SendTestNotificationResponse(delivery=str(made))

    def _new_secret(self) -> str:
        return "whsec_" + base64.b64encode(self._random_bytes(_SECRET_BYTES)).decode()

    def _sealed(self, name: ResourceName, use: Use, text: str) -> bytes:
        if self._key is None:
            message = "This deployment has no key for channels. Ask an operator to set MEGAROUTER_CHANNEL_KEY."
            reason, metadata = ErrorReason.NOTIFICATION_TARGET_REFUSED, {"setting": "MEGAROUTER_CHANNEL_KEY"}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata)
        return seal(text, Place(name.organization, str(name.resource_id), use), self._key, self._random_bytes)


async def delete(
    _request: notification_channel_pb2.DeleteNotificationChannelRequest, change: Change
) -> NotificationChannel:
    """DeleteNotificationChannel deletes a channel."""
    row = await _existing(change.connection, change.caller.resource, _WRITE)
    await store.delete_channel(change.connection, row.organization, row.channel)
    change.record(change.caller.resource, channel_message(row), None, group_path=row.group_path)
    return channel_message(row)


def channel_message(row: ChannelRow) -> NotificationChannel:
    """Returns a channel as callers see it."""
    return NotificationChannel(
        name=str(ResourceName(row.organization, NOTIFICATION_CHANNELS, row.channel)),
        display_name=row.display_name,
        kind=NotificationChannel.Kind.Value(f"{_KIND}{row.kind}"),
        group=str(ResourceName(row.organization, GROUPS, row.group)) if row.group else "",
        target_host=row.target_hint,
        disabled=row.is_disabled,
        disable_reason=row.disable_reason,
        failing_since_time=timestamp(row.failing_since) if row.failing_since else None,
        create_time=timestamp(row.create_time),
        update_time=timestamp(row.update_time),
        etag=row.etag,
    )


def _check_update(request: notification_channel_pb2.UpdateNotificationChannelRequest) -> Iterable[FieldViolation]:
    if request.notification_channel.target and not host_of(request.notification_channel.target):
        yield FieldViolation(
            "notification_channel.target", "must be a URL that begins with https://, or an e-mail address"
        )


def _update_problems(
    kind: str, asked: NotificationChannel, fields: frozenset[str], allowed: AllowedTargets
) -> Iterable[FieldViolation]:
    for field, problem in problems(kind, asked.target, asked.secret, allowed):
        if field in fields and (field != "target" or asked.target or kind == "PAGERDUTY"):
            yield FieldViolation(f"notification_channel.{field}", problem)


def _kind(wanted: NotificationChannel) -> str:
    return NotificationChannel.Kind.Name(wanted.kind).removeprefix(_KIND)


async def _existing(connection: Connection, name: ResourceName, permission: Permission) -> ChannelRow:
    row = await store.get_channel(connection, name.organization, str(name.resource_id))
    if row is None:
        raise permission_denied(permission, str(name))
    return row
