"""Reports channels that notification_service has disabled: to the Super Admins, and the owner of a personal channel.

A channel that is disabled again, after somebody switched it on, is reported again. No rule decides about that: a rule whose channel
has failed could report nothing.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.alerts.event_types import CHANNEL_DISABLED
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.events import encoded, hashed_id
from usage_service.alerts.statements import MAIL_CHANNELS

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
_PER_STEP: Final = 500
_FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError)
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
_PUT_INBOX: Final = """
INSERT INTO inbox_entries (organization_id, member_id, event_id) SELECT $1, unnest($3::text[]), $2 ON CONFLICT DO NOTHING
"""
_PUT_DELIVERIES: Final = """
INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)
SELECT $1, 'dlv-' || substr($2, 5) || '-' || c.channel_id, c.channel_id, $2 FROM notification_channels c
 WHERE c.organization_id = $1 AND (c.member_id = ANY ($3::text[]) OR c.channel_id = ANY ($4::text[])) AND c.state = 'ENABLED'
ON CONFLICT DO NOTHING
"""


class DisabledChannels:
    """Watches for channels that were disabled."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def run(self) -> None:
        """Watches until canceled. Rests as long as it worked."""
        while True:
            started_s = time.monotonic()
            try:
                await self.report_once()
            except _FAILURES as error:
                logger.info("notices are waiting for PostgreSQL", extra={"error": type(error).__name__})
            await asyncio.sleep(max(time.monotonic() - started_s, INTERVAL_S))

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
        await connection.execute(_PUT_INBOX, organization, event_id, members)
        mails = [one[0] for one in await connection.fetch(MAIL_CHANNELS, organization, members, CHANNEL_DISABLED)]
        await connection.execute(_PUT_DELIVERIES, organization, event_id, members, mails)


@asynccontextmanager
async def running(watch: DisabledChannels) -> AsyncIterator[None]:
    """Watches while the context is open."""
    async with in_background(watch.run()):
        yield
