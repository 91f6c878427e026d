"""The rows of inboxes."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

COLUMNS: Final = """
i.organization_id, e.event_id, e.event_type, e.severity, e.data, e.occur_time, i.acknowledge_time
"""
SOURCE: Final = (
    "inbox_entries i JOIN alert_events e ON e.organization_id = i.organization_id AND e.event_id = i.event_id"
)
_GET: Final = f"""
SELECT {COLUMNS} FROM {SOURCE} WHERE i.organization_id = $1 AND i.member_id = $2 AND i.event_id = $3
"""  # noqa: S608
_ACKNOWLEDGE: Final = """
UPDATE inbox_entries SET acknowledge_time = now()
 WHERE organization_id = $1 AND member_id = $2 AND event_id = $3 AND acknowledge_time IS NULL
"""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry of an inbox."""

    organization: str
    event: str
    event_type: str
    severity: str
    data: str
    """JSON."""
    occur_time: dt.datetime
    acknowledge_time: dt.datetime | None


async def get_entry(connection: Connection, organization: str, member: str, event: str) -> EntryRow | None:
    """Returns an entry of a member's inbox, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, member, event)
    return EntryRow(*row) if row else None


async def acknowledge_entry(connection: Connection, organization: str, member: str, event: str) -> None:
    """Marks an entry as read, once."""
    await connection.execute(_ACKNOWLEDGE, organization, member, event)
