"""The rows of personal channels."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

_GET: Final = """
SELECT c.channel_id, c.kind, c.target_hint, c.state = 'DISABLED', c.disable_reason, c.failing_since, c.update_time,
       coalesce(d.state, ''), coalesce(a.error, '')
  FROM notification_channels c
  LEFT JOIN LATERAL (SELECT n.delivery_id, n.state FROM notification_deliveries n
                      WHERE n.organization_id = c.organization_id AND n.channel_id = c.channel_id
                      ORDER BY n.create_time DESC, n.delivery_id DESC LIMIT 1) AS d ON true
  LEFT JOIN LATERAL (SELECT t.error FROM delivery_attempts t
                      WHERE t.organization_id = c.organization_id AND t.delivery_id = d.delivery_id
                      ORDER BY t.attempt_number DESC LIMIT 1) AS a ON true
 WHERE c.organization_id = $1 AND c.member_id = $2
"""
_PERSON: Final = """
SELECT group_path FROM members WHERE organization_id = $1 AND member_id = $2 AND state = 'ACTIVE' AND user_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class PersonalRow:
    """A stored personal channel, without what is sealed."""

    channel: str
    kind: str
    target_hint: str
    is_disabled: bool
    disable_reason: str
    failing_since: dt.datetime | None
    update_time: dt.datetime
    latest_state: str
    """Of the latest delivery; empty without any."""
    latest_error: str


async def get_personal(connection: Connection, organization: str, member: str) -> PersonalRow | None:
    """Returns a member's personal channel, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, member)
    return PersonalRow(*row) if row else None


async def path_of_person(connection: Connection, organization: str, member: str) -> Sequence[str] | None:
    """Returns the path of a person's group; None if the member is no active person."""
    row = await connection.fetchrow(_PERSON, organization, member)
    return tuple(row["group_path"]) if row else None
