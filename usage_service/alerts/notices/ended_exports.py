"""Reports exports that schedules started and that have ended, to the creator of the schedule.

A person who starts an export sees it end. A schedule runs while no one looks. A credential has no inbox,
so its exports are not reported.
"""

from typing import Final

import asyncpg

from gateway_core.model.alerts.event_data import VERSION
from gateway_core.model.alerts.event_types import EXPORT_FAILED, EXPORT_READY
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import EVERY_ORGANIZATION, acting_for
from usage_service.alerts.events import encoded, hashed_id
from usage_service.alerts.notices.watching import send

_PER_STEP: Final = 500
# Those without a notice. An index has those of the last day; older ones have a notice, unless this service was down for a day.
_UNREPORTED: Final = """
SELECT e.organization_id, e.export_id, e.schedule_id, e.member_id, e.state, e.end_time, e.error_message,
       coalesce(s.display_name, e.schedule_id) AS display_name
  FROM usage_exports e
  LEFT JOIN export_schedules s ON s.organization_id = e.organization_id AND s.schedule_id = e.schedule_id
 WHERE e.schedule_id <> '' AND e.state IN ('SUCCEEDED', 'FAILED') AND e.end_time > now() - interval '1 day'
   AND e.requester LIKE 'users/%'
   AND NOT EXISTS (SELECT FROM alert_events a
                    WHERE a.organization_id = e.organization_id AND a.rule_id = '' AND a.scope_kind = 'member'
                      AND a.scope_id = e.member_id AND a.occasion = e.export_id AND a.threshold = 'ended')
 ORDER BY e.end_time LIMIT $1
"""
_PUT_EVENT: Final = """
INSERT INTO alert_events (organization_id, event_id, event_type, severity, rule_id, scope_kind, scope_id, group_path, occasion,
                          threshold, data, occur_time)
VALUES ($1, $2, $3, $4, '', 'member', $5, '{}', $6, 'ended', $7, $8)
ON CONFLICT ON CONSTRAINT alert_events_once DO NOTHING RETURNING true
"""
_CREATOR: Final = """
SELECT member_id FROM members WHERE organization_id = $1 AND member_id = $2 AND state = 'ACTIVE' AND user_id IS NOT NULL
"""


class EndedExports:
    """Watches for exports of schedules that have ended."""

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
    organization, export, member = row["organization_id"], row["export_id"], row["member_id"]
    has_failed = row["state"] == "FAILED"
    event_type, severity = (EXPORT_FAILED, "WARNING") if has_failed else (EXPORT_READY, "INFO")
    event_id = hashed_id("evt", organization, "export", export)
    data = {
        "version": VERSION,
        "severity": severity,
        "organization": f"organizations/{organization}",
        "scope": {
            "name": f"organizations/{organization}/exportSchedules/{row['schedule_id']}",
            "displayName": row["display_name"],
        },
        "export": f"organizations/{organization}/usageExports/{export}",
    }
    if has_failed:
        data["reason"] = row["error_message"]
    is_new = await connection.fetchval(
        _PUT_EVENT, organization, event_id, event_type, severity, member, export, encoded(data), row["end_time"]
    )
    if is_new:
        creators = [one["member_id"] for one in await connection.fetch(_CREATOR, organization, member)]
        await send(connection, organization, event_id, event_type, creators)
