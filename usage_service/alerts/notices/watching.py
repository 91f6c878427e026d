"""Looks for what needs a notice, and sends each notice once."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

import asyncpg

from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.connections import UNAVAILABLE, Connection
from usage_service.alerts.statements import MAIL_CHANNELS

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
_FAILURES: Final = (*UNAVAILABLE, asyncpg.PostgresError)
_PUT_INBOX: Final = """
INSERT INTO inbox_entries (organization_id, member_id, event_id) SELECT $1, unnest($3::text[]), $2 ON CONFLICT DO NOTHING
"""
_PUT_DELIVERIES: Final = """
INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)
SELECT $1, 'dlv-' || substr($2, 5) || '-' || c.channel_id, c.channel_id, $2 FROM notification_channels c
 WHERE c.organization_id = $1 AND (c.member_id = ANY ($3::text[]) OR c.channel_id = ANY ($4::text[])) AND c.state = 'ENABLED'
ON CONFLICT DO NOTHING
"""


class Watch(Protocol):
    """Finds what needs a notice."""

    async def report_once(self) -> None:
        """Reports what has not been reported yet. Repeating that changes nothing."""


async def send(connection: Connection, organization: str, event: str, event_type: str, members: Sequence[str]) -> None:
    """Puts a new event into inboxes, and sends it to the personal channels of their owners and by e-mail.

    Args:
        connection: the transaction that stored the event, so that both happen or neither does.
        organization: id.
        event: id.
        event_type: its type, which members may not want by e-mail.
        members: who gets it.
    """
    await connection.execute(_PUT_INBOX, organization, event, members)
    mails = [one[0] for one in await connection.fetch(MAIL_CHANNELS, organization, members, event_type)]
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
            except _FAILURES as error:
                logger.info("notices are waiting for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(max(time.monotonic() - started_s, INTERVAL_S))
