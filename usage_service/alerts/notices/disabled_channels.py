"""Reports channels that notification_service has disabled: to the Super Admins, and the owner of a personal channel.

A channel that is disabled again, after somebody switched it on, is reported again. No rule decides about that: a rule whose channel
has failed could report nothing.
"""

from typing import Final

import asyncpg

from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.alerts.event_types import CHANNEL_DISABLED
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.events import encoded, hashed_id
from usage_service.alerts.notices.watching import send

_PER_STEP: Final = 500
# Those without a notice. Older ones have one, which may have been deleted since.
_UNREPORTED: Final = """
SELECT c.organization_id, c.channel_id, c.kind, c.display_name, c.target_hint, c.disable_reason, c.disable_time, c.member_id
  FROM notification_channels c
 WHERE c.disable_time > now() - interval '30 days' AND c.state = 'DISABLED'
   AND NOT EXISTS (SELECT FROM alert_events e
                    WHERE e.organization_id = c.organization_id AND e.rule_id = '' AND e.scope_kind = 'organization'
                      AND e.scope_id = c.organization_id AND e.threshold = 'disabled'
                      AND e.occasion = c.channel_id || ':' || extract(epoch FROM c.disable_time))
 ORDER BY c.disable_time LIMIT $1
"""
_PUT_EVENT: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
VALUES ($1, $2, $3, 'ALERT', '', 'organization', $1, '{}', $4 || ':' || extract(epoch FROM $5::timestamptz), 'disabled', $6, $5)
ON CONFLICT ON CONSTRAINT alert_events_once DO NOTHING RETURNING true
"""
# The Super Admins, or the member whose channel it is.
_ADDRESSED: Final = """
SELECT member_id FROM members
 WHERE organization_id = $1 AND state = 'ACTIVE' AND user_id IS NOT NULL
   AND (member_id = $2 OR ($2::text IS NULL AND role = 'SUPER_ADMIN'))
"""


class DisabledChannels:
    """Watches for channels that were disabled."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def report_once(self) -> None:
        """Reports what has not been reported yet. Repeating that changes nothing."""
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            rows = await connection.fetch(_UNREPORTED, _PER_STEP)
        for row in rows:
            async with acting_for(self._pool, row["organization_id"]) as connection:
                await _report(connection, row)


async def _report(connection: Connection, row: asyncpg.Record) -> None:
    organization, channel = row["organization_id"], row["channel_id"]
    is_personal = row["member_id"] is not None
    event_id = hashed_id("evt", organization, CHANNEL_DISABLED, channel, row["disable_time"].isoformat())
    collection = "personalChannel" if is_personal else f"notificationChannels/{channel}"
    data = {
        "version": VERSION,
        "severity": "ALERT",
        "organization": f"organizations/{organization}",
        "scope": {"name": f"organizations/{organization}/{collection}", "displayName": row["display_name"]},
        "channel": {"kind": row["kind"], "targetHost": row["target_hint"], "reason": row["disable_reason"]},
    }
    is_new = await connection.fetchval(
        _PUT_EVENT, organization, event_id, CHANNEL_DISABLED, channel, row["disable_time"], encoded(data)
    )
    if is_new:
        members = [one["member_id"] for one in await connection.fetch(_ADDRESSED, organization, row["member_id"])]
        await send(connection, organization, event_id, CHANNEL_DISABLED, members)
