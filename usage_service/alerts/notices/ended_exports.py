"""Reports exports that schedules started and that have ended, to the creator of the schedule.

A person who starts an export sees it end. A schedule runs while no one looks. A credential has no inbox,
so its exports are not reported.
"""

from typing import Final

import asyncpg

from gateway_core.model.alerts.event_types import EXPORT_FAILED, EXPORT_READY
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.events import hashed_id
from usage_service.alerts.notices.watching import Notice, Watch

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


def ended_exports(pool: asyncpg.Pool) -> Watch:
    """Watches for exports of schedules that have ended."""
    return Watch(pool, _UNREPORTED, _notice_of)


def _notice_of(row: asyncpg.Record) -> Notice:
    organization, export, member = row["organization_id"], row["export_id"], row["member_id"]
    has_failed = row["state"] == "FAILED"
    details = {"export": f"organizations/{organization}/usageExports/{export}"}
    return Notice(
        organization=organization,
        event_id=hashed_id("evt", organization, "export", export),
        event_type=EXPORT_FAILED if has_failed else EXPORT_READY,
        severity="WARNING" if has_failed else "INFO",
        scope=Scope(ScopeKind.MEMBER, member),
        occasion=export,
        threshold="ended",
        occur_time=row["end_time"],
        member=member,
        resource=f"exportSchedules/{row['schedule_id']}",
        display_name=row["display_name"],
        details=details | ({"reason": row["error_message"]} if has_failed else {}),
    )
