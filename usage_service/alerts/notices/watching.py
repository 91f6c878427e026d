"""Looks for what needs a notice, and sends each notice once."""

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.organization.scopes import Scope
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.events import encoded
from usage_service.alerts.statements import MAIL_CHANNELS, PUT_INBOX
from usage_service.organization_turns import FAILURES

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
_PER_STEP: Final = 500
_PUT_EVENT: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
VALUES ($1, $2, $3, $4, '', $5, $6, '{}', $7, $8, $9, $10)
ON CONFLICT ON CONSTRAINT alert_events_once DO NOTHING RETURNING true
"""
# The Super Admins, or one member.
_ADDRESSED: Final = """
SELECT member_id FROM members
 WHERE organization_id = $1 AND state = 'ACTIVE' AND user_id IS NOT NULL
   AND (member_id = $2 OR ($2::text IS NULL AND role = 'SUPER_ADMIN'))
"""
_PUT_DELIVERIES: Final = """
INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)
SELECT $1, 'dlv-' || substr($2, 5) || '-' || c.channel_id, c.channel_id, $2 FROM notification_channels c
 WHERE c.organization_id = $1 AND (c.member_id = ANY ($3::text[]) OR c.channel_id = ANY ($4::text[])) AND c.state = 'ENABLED'
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert that needs no rule."""

    organization: str
    event_id: str
    event_type: str
    severity: str
    scope: Scope
    """With `occasion` and `threshold` it tells the notice apart from all others, as the statement does that finds what has none."""
    occasion: str
    threshold: str
    occur_time: dt.datetime
    member: str | None
    """Who gets it; None for every Super Admin."""
    resource: str
    """What it is about, below the organization: `exportSchedules/weekly`."""
    display_name: str
    details: Mapping[str, object]
    """What receivers get besides what all events have."""

    def data(self) -> Mapping[str, object]:
        """Returns what receivers get."""
        organization = f"organizations/{self.organization}"
        return {
            "version": VERSION,
            "severity": self.severity,
            "organization": organization,
            "scope": {"name": f"{organization}/{self.resource}", "displayName": self.display_name},
            **self.details,
        }


class Watch:
    """Finds what needs a notice of one kind."""

    def __init__(self, pool: asyncpg.Pool, unreported: str, notice_of: Callable[[asyncpg.Record], Notice]) -> None:
        """Creates a watch.

        Args:
            pool: of connections.
            unreported: the statement that finds at most `$1` rows without a notice, of any organization.
            notice_of: makes the notice of a row.
        """
        self._pool = pool
        self._unreported = unreported
        self._notice_of = notice_of

    async def report_once(self) -> None:
        """Reports what has not been reported yet. Repeating that changes nothing."""
        async with acting_for(self._pool, EVERY_ORGANIZATION) as connection:
            rows = await connection.fetch(self._unreported, _PER_STEP)
        for notice in map(self._notice_of, rows):
            async with acting_for(self._pool, notice.organization) as connection:
                await _send(connection, notice)


async def _send(connection: Connection, notice: Notice) -> None:
    """Stores a notice, puts it into inboxes, and sends it to the personal channels of their owners and by e-mail."""
    organization, event = notice.organization, notice.event_id
    is_new = await connection.fetchval(
        _PUT_EVENT, organization, event, notice.event_type, notice.severity, notice.scope.kind, notice.scope.scope_id,
        notice.occasion, notice.threshold, encoded(notice.data()), notice.occur_time,
    )  # fmt: skip
    if not is_new:
        return
    members = [one["member_id"] for one in await connection.fetch(_ADDRESSED, organization, notice.member)]
    await connection.execute(PUT_INBOX, organization, event, members)
    mails = [one[0] for one in await connection.fetch(MAIL_CHANNELS, organization, members, notice.event_type)]
    await connection.execute(_PUT_DELIVERIES, organization, event, members, mails)


@asynccontextmanager
async def running(*watches: Watch) -> AsyncIterator[None]:
    """Watches while the context is open."""
    async with in_background(_keep_watching(watches)):
        yield


async def _keep_watching(watches: Sequence[Watch]) -> None:
    """Watches until canceled. Rests as long as it worked."""
    while True:
        started_s = time.monotonic()
        for watch in watches:
            try:
                await watch.report_once()
            except FAILURES as error:
                logger.info("notices are waiting for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(max(time.monotonic() - started_s, INTERVAL_S))
