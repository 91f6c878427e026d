"""Reports channels that notification_service has disabled: to the Super Admins, and the owner of a personal channel.

A channel that is disabled again, after somebody switched it on, is reported again. No rule decides about that: a rule whose channel
has failed could report nothing.
"""

from typing import Final

import asyncpg

from gateway_core.model.alerts.event_types import CHANNEL_DISABLED
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.events import hashed_id
from usage_service.alerts.notices.watching import Notice, Watch

# Those without a notice. Older ones have one, which may have been deleted since.
_UNREPORTED: Final = """
SELECT c.organization_id, c.channel_id, c.kind, c.display_name, c.target_hint, c.disable_reason, c.disable_time, c.member_id,
       c.channel_id || ':' || extract(epoch FROM c.disable_time) AS occasion
  FROM notification_channels c
 WHERE c.disable_time > now() - interval '30 days' AND c.state = 'DISABLED'
   AND NOT EXISTS (SELECT FROM alert_events e
                    WHERE e.organization_id = c.organization_id AND e.rule_id = '' AND e.scope_kind = 'organization'
                      AND e.scope_id = c.organization_id AND e.threshold = 'disabled'
                      AND e.occasion = c.channel_id || ':' || extract(epoch FROM c.disable_time))
 ORDER BY c.disable_time LIMIT $1
"""


def disabled_channels(pool: asyncpg.Pool) -> Watch:
    """Watches for channels that were disabled."""
    return Watch(pool, _UNREPORTED, _notice_of)


def _notice_of(row: asyncpg.Record) -> Notice:
    organization, channel, disable_time = row["organization_id"], row["channel_id"], row["disable_time"]
    return Notice(
        organization=organization,
        event_id=hashed_id("evt", organization, CHANNEL_DISABLED, channel, disable_time.isoformat()),
        event_type=CHANNEL_DISABLED,
        severity="ALERT",
        scope=Scope(ScopeKind.ORGANIZATION, organization),
        occasion=row["occasion"],
        threshold="disabled",
        occur_time=disable_time,
        member=row["member_id"],
        resource=f"notificationChannels/{channel}" if row["member_id"] is None else "personalChannel",
        display_name=row["display_name"],
        details={"channel": {"kind": row["kind"], "targetHost": row["target_hint"], "reason": row["disable_reason"]}},
    )
