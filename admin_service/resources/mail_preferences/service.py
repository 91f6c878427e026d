"""Serves `megarouter.admin.v1.MailPreferences`."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg
from megarouter.admin.v1 import mail_preference_pb2
from megarouter.admin.v1.mail_preference_pb2 import MailPreference

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.api.errors import FieldViolation, permission_denied
from admin_service.api.names import MAIL_PREFERENCE, ResourceName
from admin_service.api.timestamps import timestamp
from admin_service.resources.personal_channels.store import path_of_person
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.alerts.event_types import MAILED_ALWAYS, SWITCHABLE_BY_MAIL
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

MOST_TYPES: Final = 64
_GET: Final = """
SELECT is_off, event_types_off, update_time FROM mail_preferences WHERE organization_id = $1 AND member_id = $2
"""
_PUT: Final = """
INSERT INTO mail_preferences (organization_id, member_id, is_off, event_types_off) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, member_id)
DO UPDATE SET is_off = excluded.is_off, event_types_off = excluded.event_types_off, update_time = now()
 WHERE (mail_preferences.is_off, mail_preferences.event_types_off) IS DISTINCT FROM (excluded.is_off, excluded.event_types_off)
"""


@dataclass(frozen=True, slots=True)
class _Row:
    is_off: bool = False
    event_types_off: tuple[str, ...] = ()
    update_time: dt.datetime | None = None


class MailPreferencesApi:
    """Which alerts members do not get by e-mail."""

    service = mail_preference_pb2.DESCRIPTOR.services_by_name["MailPreferences"]

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.handlers: Mapping[str, Handle] = {"GetMailPreference": self.get}
        self.changes: Mapping[str, MakeChange] = {"SetMailPreference": _set}
        self.rules: Mapping[str, Rule] = {"SetMailPreference": _check}

    async def get(self, _request: mail_preference_pb2.GetMailPreferenceRequest, caller: Caller) -> MailPreference:
        """GetMailPreference returns what the caller does not get by e-mail."""
        organization = caller.resource.organization
        async with acting_for(self._pool, organization) as connection:
            return await _preference_of(connection, organization, caller.actor.member)


async def _preference_of(connection: Connection, organization: str, member: str) -> MailPreference:
    """Returns what a member does not get by e-mail."""
    row = await connection.fetchrow(_GET, organization, member)
    return _message(
        organization, _Row(row["is_off"], tuple(row["event_types_off"]), row["update_time"]) if row else _Row()
    )


async def _set(request: mail_preference_pb2.SetMailPreferenceRequest, change: Change) -> MailPreference:
    """SetMailPreference replaces what the caller does not get by e-mail."""
    organization, member = change.caller.resource.organization, change.caller.actor.member
    path = await path_of_person(change.connection, organization, member)
    if path is None:
        # A credential or a service account has no e-mail.
        raise permission_denied(Permission.NOTIFICATIONS_WRITE, str(change.caller.resource))
    before = await _preference_of(change.connection, organization, member)
    await change.connection.execute(_PUT, organization, member, request.off, sorted(set(request.event_types_off)))
    after = await _preference_of(change.connection, organization, member)
    change.record(change.caller.resource, before, after, group_path=path)
    return after


def _check(request: mail_preference_pb2.SetMailPreferenceRequest) -> Iterable[FieldViolation]:
    """Yields what is wrong with a request."""
    if len(request.event_types_off) > MOST_TYPES:
        yield FieldViolation("event_types_off", f"must have at most {MOST_TYPES} types")
        return
    for index, one in enumerate(request.event_types_off):
        if one in MAILED_ALWAYS:
            yield FieldViolation(f"event_types_off[{index}]", "is always sent, because it concerns security")
        elif one not in SWITCHABLE_BY_MAIL:
            yield FieldViolation(
                f"event_types_off[{index}]",
                "must be a type of event that a rule can name, export.ready or export.failed",
            )


def _message(organization: str, row: _Row) -> MailPreference:
    return MailPreference(
        name=str(ResourceName(organization, MAIL_PREFERENCE)),
        off=row.is_off,
        event_types_off=row.event_types_off,
        event_types_always_sent=sorted(MAILED_ALWAYS),
        update_time=timestamp(row.update_time) if row.update_time else None,
    )
