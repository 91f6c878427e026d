"""The rows of deliveries and their attempts."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

PATH: Final = "(coalesce(g.path, ARRAY[]::text[]))"
COLUMNS: Final = f"""
d.organization_id, d.delivery_id, d.channel_id, d.event_id, e.event_type, d.state, d.attempt_count, d.next_attempt_time,
d.create_time, d.end_time, coalesce(c.display_name, ''), coalesce(c.mailed_member_id, ''), {PATH}
"""
SOURCE: Final = """
notification_deliveries d
  JOIN alert_events e ON e.organization_id = d.organization_id AND e.event_id = d.event_id
  LEFT JOIN notification_channels c ON c.organization_id = d.organization_id AND c.channel_id = d.channel_id
  LEFT JOIN groups g ON g.organization_id = d.organization_id AND g.group_id = c.group_id
"""
_GET: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE d.organization_id = $1 AND d.delivery_id = $2"  # noqa: S608
# Of a message with several alerts, the attempt of its first delivery has the texts.
_ATTEMPTS: Final = """
SELECT a.attempt_number, a.start_time, a.duration_ms, a.address, coalesce(m.request, a.request), a.http_status,
       coalesce(m.answer, a.answer), a.outcome, a.error, coalesce(m.events, '{}')
  FROM (SELECT * FROM delivery_attempts WHERE organization_id = $1 AND delivery_id = $2
         ORDER BY attempt_number DESC LIMIT $3) AS a
  LEFT JOIN LATERAL (
       SELECT array_agg(d.event_id ORDER BY d.create_time, d.delivery_id) AS events, max(o.request) AS request,
              max(o.answer) AS answer
         FROM delivery_attempts o JOIN notification_deliveries d USING (organization_id, delivery_id)
        WHERE o.organization_id = $1 AND o.message_id = a.message_id AND o.message_id <> '') AS m ON a.message_id <> ''
 ORDER BY a.attempt_number
"""
_REPLAY: Final = """
UPDATE notification_deliveries
   SET state = 'PENDING', next_attempt_time = now(), end_time = NULL, schedule_start_time = now(),
       former_attempt_count = attempt_count, is_alone = false
 WHERE organization_id = $1 AND delivery_id = $2
"""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A stored delivery."""

    organization: str
    delivery: str
    channel: str
    event: str
    event_type: str
    state: str
    attempt_count: int
    next_attempt_time: dt.datetime | None
    create_time: dt.datetime
    end_time: dt.datetime | None
    channel_display_name: str
    """Empty if the channel was deleted."""
    member: str
    """Who gets it by e-mail; empty if it goes to a channel."""
    group_path: Sequence[str]


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A stored attempt."""

    number: int
    start_time: dt.datetime
    duration_ms: int
    address: str
    request: str
    http_status: int | None
    answer: str
    outcome: str
    error: str
    events: Sequence[str]
    """In the message, if it contained several."""


async def get_delivery(connection: Connection, organization: str, delivery: str) -> DeliveryRow | None:
    """Returns a delivery, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, delivery)
    return DeliveryRow(*row) if row else None


async def latest_attempts(connection: Connection, organization: str, delivery: str, most: int) -> list[AttemptRow]:
    """Returns the latest attempts of a delivery, in their order."""
    return [AttemptRow(*row) for row in await connection.fetch(_ATTEMPTS, organization, delivery, most)]


async def replay_delivery(connection: Connection, organization: str, delivery: str) -> None:
    """Makes a delivery wait for attempts again, with a whole schedule."""
    await connection.execute(_REPLAY, organization, delivery)
