"""The rows of channels, and of the events that test them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.api.etags import etag_of
from gateway_core.stores.postgres.connections import Connection

PATH: Final = "(coalesce(g.path, ARRAY[]::text[]))"
COLUMNS: Final = f"""
c.organization_id, c.channel_id, c.kind, c.display_name, c.group_id, c.target_hint, c.state = 'DISABLED', c.disable_reason,
c.failing_since, c.create_time, c.update_time, {PATH}
"""
# Not the channels by which members get e-mail: those are nobody's to keep.
LISTED: Final = "c.mailed_member_id IS NULL"
SOURCE: Final = """
notification_channels c LEFT JOIN groups g ON g.organization_id = c.organization_id AND g.group_id = c.group_id
"""
_GET: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE c.organization_id = $1 AND c.channel_id = $2 AND {LISTED}"  # noqa: S608
_COUNT: Final = "SELECT count(*) FROM notification_channels WHERE organization_id = $1 AND mailed_member_id IS NULL"
_ADD: Final = """
INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, group_id, target_hint, sealed_target,
                                   sealed_secret)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_RENAME: Final = """
UPDATE notification_channels SET display_name = $3, update_time = now() WHERE organization_id = $1 AND channel_id = $2
"""
_AIM: Final = """
UPDATE notification_channels SET target_hint = $3, sealed_target = $4, failing_since = NULL, update_time = now()
 WHERE organization_id = $1 AND channel_id = $2
"""
_SIGN: Final = """
UPDATE notification_channels SET sealed_secret = $3, update_time = now() WHERE organization_id = $1 AND channel_id = $2
"""
_SWITCH: Final = """
UPDATE notification_channels SET state = CASE WHEN $3 THEN 'DISABLED' ELSE 'ENABLED' END, disable_reason = '',
       failing_since = NULL, update_time = now()
 WHERE organization_id = $1 AND channel_id = $2
"""
_ROTATE: Final = """
UPDATE notification_channels
   SET sealed_former_secret = sealed_secret, former_secret_end_time = now() + $4, sealed_secret = $3, update_time = now()
 WHERE organization_id = $1 AND channel_id = $2
"""
_CANCEL: Final = """
UPDATE notification_deliveries SET state = 'CANCELED', next_attempt_time = NULL, end_time = now()
 WHERE organization_id = $1 AND channel_id = $2 AND state = 'PENDING'
"""
_DELETE: Final = "DELETE FROM notification_channels WHERE organization_id = $1 AND channel_id = $2"
_ADD_EVENT: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
VALUES ($1, $2, 'test', 'INFO', '', 'organization', $1, $3, $2, '', $4, now())
"""
_ADD_DELIVERY: Final = """
INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id) VALUES ($1, $2, $3, $4)
"""


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A stored channel, without what is sealed."""

    organization: str
    channel: str
    kind: str
    display_name: str
    group: str | None
    target_hint: str
    is_disabled: bool
    disable_reason: str
    failing_since: dt.datetime | None
    create_time: dt.datetime
    update_time: dt.datetime
    group_path: Sequence[str]

    @property
    def etag(self) -> str:
        """Changes with every change by an admin."""
        return etag_of(self.channel, self.update_time, self.is_disabled)


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What is stored of a new channel."""

    kind: str
    display_name: str
    group: str | None
    target_hint: str
    sealed_target: bytes
    sealed_secret: bytes | None


async def get_channel(connection: Connection, organization: str, channel: str) -> ChannelRow | None:
    """Returns a channel, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, channel)
    return ChannelRow(*row) if row else None


async def count_channels(connection: Connection, organization: str) -> int:
    """Returns how many channels the organization has."""
    return int(await connection.fetchval(_COUNT, organization))


async def add_channel(connection: Connection, organization: str, channel: str, new: NewChannel) -> None:
    """Stores a new channel."""
    await connection.execute(
        _ADD, organization, channel, new.kind, new.display_name, new.group, new.target_hint, new.sealed_target,
        new.sealed_secret,
    )  # fmt: skip


async def rename_channel(connection: Connection, row: ChannelRow, display_name: str) -> None:
    """Changes the name of a channel."""
    await connection.execute(_RENAME, row.organization, row.channel, display_name)


async def aim_channel(connection: Connection, row: ChannelRow, target_hint: str, sealed_target: bytes) -> None:
    """Changes where a channel sends to."""
    await connection.execute(_AIM, row.organization, row.channel, target_hint, sealed_target)


async def set_secret(connection: Connection, row: ChannelRow, sealed_secret: bytes | None) -> None:
    """Changes what signs the messages, at once."""
    await connection.execute(_SIGN, row.organization, row.channel, sealed_secret)


async def switch_channel(connection: Connection, row: ChannelRow, *, disabled: bool) -> None:
    """Switches a channel off or on."""
    await connection.execute(_SWITCH, row.organization, row.channel, disabled)


async def rotate_secret(connection: Connection, row: ChannelRow, sealed_secret: bytes, overlap: dt.timedelta) -> None:
    """Changes what signs the messages. The former secret signs beside it for a while."""
    await connection.execute(_ROTATE, row.organization, row.channel, sealed_secret, overlap)


async def delete_channel(connection: Connection, row: ChannelRow) -> None:
    """Deletes a channel, and cancels what waits for it."""
    await connection.execute(_CANCEL, row.organization, row.channel)
    await connection.execute(_DELETE, row.organization, row.channel)


async def add_test(connection: Connection, row: ChannelRow, event: str, delivery: str, data: str) -> None:
    """Stores an event that tests a channel, with its delivery."""
    await connection.execute(_ADD_EVENT, row.organization, event, list(row.group_path), data)
    await connection.execute(_ADD_DELIVERY, row.organization, delivery, row.channel, event)
