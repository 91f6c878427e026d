"""Serves `megarouter.admin.v1.PersonalChannels`."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import personal_channel_pb2
from megarouter.admin.v1.notification_channel_pb2 import NotificationChannel
from megarouter.admin.v1.personal_channel_pb2 import PersonalChannel
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError, FieldViolation, permission_denied
from admin_service.api.names import PERSONAL_CHANNEL, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.notification_channels import store as channels
from admin_service.resources.notification_channels.store import NewChannel
from admin_service.resources.notification_channels.targets import PAGERDUTY_URL, host_of, problems
from admin_service.resources.personal_channels import store
from admin_service.resources.personal_channels.store import PersonalRow
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.alerts.targets import AllowedTargets
from gateway_core.stores.channel_seals import Place, Use, seal
from gateway_core.stores.postgres.organization_wall import acting_for

_KIND: Final = "KIND_"
_SECRET_BYTES: Final = 32


class PersonalChannelsApi:
    """Where members get the alerts of their inbox, too."""

    service = personal_channel_pb2.DESCRIPTOR.services_by_name["PersonalChannels"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        make_id: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        channel_key: bytes | None,
        allowed: AllowedTargets,
    ) -> None:
        """Prepares the handlers.

        Args:
            pool: logged in as admin_service's role.
            make_id: returns a new id with a prefix.
            random_bytes: returns this many random bytes.
            channel_key: seals targets and secrets. None: the deployment has no channels.
            allowed: internal servers to which alerts may go.
        """
        self._pool = pool
        self._make_id = make_id
        self._random_bytes = random_bytes
        self._key = channel_key
        self._allowed = allowed
        self.handlers: Mapping[str, Handle] = {"GetPersonalChannel": self.get}
        self.changes: Mapping[str, MakeChange] = {
            "SetPersonalChannel": self.set,
            "ClearPersonalChannel": clear,
            "TestPersonalChannel": self.test,
        }
        self.rules: Mapping[str, Rule] = {"SetPersonalChannel": self._check}

    def _check(self, request: personal_channel_pb2.SetPersonalChannelRequest) -> Iterable[FieldViolation]:
        kind = NotificationChannel.Kind.Name(request.kind).removeprefix(_KIND)
        for field, problem in problems(kind, request.target, request.secret, self._allowed):
            yield FieldViolation(field, problem)

    async def get(self, _request: personal_channel_pb2.GetPersonalChannelRequest, caller: Caller) -> PersonalChannel:
        """GetPersonalChannel returns the caller's channel, or one without a kind."""
        organization = caller.resource.organization
        async with acting_for(self._pool, organization) as connection:
            return _message(organization, await store.get_personal(connection, organization, caller.actor.member))

    async def set(
        self, request: personal_channel_pb2.SetPersonalChannelRequest, change: Change
    ) -> personal_channel_pb2.SetPersonalChannelResponse:
        """SetPersonalChannel replaces the caller's channel. A repeated request gets no secret."""
        connection, organization, member = (
            change.connection,
            change.caller.resource.organization,
            change.caller.actor.member,
        )
        group_path = await store.path_of_person(connection, organization, member)
        if group_path is None:
            raise permission_denied(Permission.NOTIFICATIONS_WRITE, str(change.caller.resource))
        before = await store.get_personal(connection, organization, member)
        if before is not None:
            await channels.delete_channel(connection, organization, before.channel)
        kind = NotificationChannel.Kind.Name(request.kind).removeprefix(_KIND)
        is_callback = kind == "CALLBACK"
        secret = self._new_secret() if is_callback else request.secret
        target = request.target or PAGERDUTY_URL
        channel = self._make_id("channel")
        new = NewChannel(
            kind=kind,
            display_name=f"Personal channel of {member}",
            group=None,
            target_hint=host_of(target),
            sealed_target=self._sealed(organization, channel, "target", target),
            sealed_secret=self._sealed(organization, channel, "secret", secret) if secret else None,
            member=member,
        )
        await channels.add_channel(connection, organization, channel, new)
        made = _message(organization, await store.get_personal(connection, organization, member))
        change.record(change.caller.resource, _message(organization, before), made, group_path=group_path)
        answer = personal_channel_pb2.SetPersonalChannelResponse
        change.repeat_answer = answer(personal_channel=made, secret_already_issued=True)
        return answer(personal_channel=made, secret=secret if is_callback else "")

    async def test(self, _request: personal_channel_pb2.TestPersonalChannelRequest, change: Change) -> PersonalChannel:
        """TestPersonalChannel writes a test event with its delivery. It is no change that the audit log lists."""
        connection, organization, member = (
            change.connection,
            change.caller.resource.organization,
            change.caller.actor.member,
        )
        row = await store.get_personal(connection, organization, member)
        if row is None or row.is_disabled:
            message = "There is no personal channel that is on. Set it first."
            metadata = {"state": "DISABLED" if row else "MISSING"}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.STATE_UNSUITABLE, message, metadata)
        data = {
            "version": 1,
            "severity": "INFO",
            "organization": f"organizations/{organization}",
            "channel": str(change.caller.resource),
        }
        event, delivery = self._make_id("evt"), self._make_id("dlv")
        await channels.add_test(connection, organization, row.channel, event, delivery, json.dumps(data))
        return _message(organization, await store.get_personal(connection, organization, member))

    def _new_secret(self) -> str:
        return "whsec_" + base64.b64encode(self._random_bytes(_SECRET_BYTES)).decode()

    def _sealed(self, organization: str, channel: str, use: Use, text: str) -> bytes:
        if self._key is None:
            message = "This deployment has no key for channels. Ask an operator to set MEGAROUTER_CHANNEL_KEY."
            reason, metadata = ErrorReason.NOTIFICATION_TARGET_REFUSED, {"setting": "MEGAROUTER_CHANNEL_KEY"}
            raise AdminError(grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata)
        return seal(text, Place(organization, channel, use), self._key, self._random_bytes)


async def clear(_request: personal_channel_pb2.ClearPersonalChannelRequest, change: Change) -> PersonalChannel:
    """ClearPersonalChannel removes the caller's channel. Doing that again changes nothing."""
    organization, member = change.caller.resource.organization, change.caller.actor.member
    row = await store.get_personal(change.connection, organization, member)
    gone = _message(organization, None)
    if row is not None:
        await channels.delete_channel(change.connection, organization, row.channel)
        path = await store.path_of_person(change.connection, organization, member)
        change.record(change.caller.resource, _message(organization, row), gone, group_path=path or ())
    return gone


def _message(organization: str, row: PersonalRow | None) -> PersonalChannel:
    name = str(ResourceName(organization, PERSONAL_CHANNEL))
    if row is None:
        return PersonalChannel(name=name)
    return PersonalChannel(
        name=name,
        kind=NotificationChannel.Kind.Value(f"{_KIND}{row.kind}"),
        target_host=row.target_hint,
        disabled=row.is_disabled,
        disable_reason=row.disable_reason,
        failing_since_time=timestamp(row.failing_since) if row.failing_since else None,
        update_time=timestamp(row.update_time),
        latest_state=row.latest_state,
        latest_error=row.latest_error,
    )
