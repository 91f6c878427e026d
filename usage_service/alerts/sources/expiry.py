"""Keys that are about to expire, and keys that nobody has used for long."""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from gateway_core.model.alerts.event_types import KEY_EXPIRING, KEY_UNUSED
from gateway_core.model.alerts.rules import Rule
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Told
from usage_service.alerts.events import Happening, time_text
from usage_service.alerts.sources.source import Found, Source, View, places, told_by

MOST_PER_LOOK: Final = 1_000
"""Of each rule. A look finds more only if so many keys expire in the same minutes."""
# Keys that have come within `$3` of their expiry since the last look at `$2`, by time or because somebody changed it. A key that
# somebody made for at most `$3`, or just gave at most a day, such as that of the playground, is meant to end soon and needs no
# warning.
_EXPIRING: Final = """
SELECT k.api_key_id, k.expire_time FROM api_keys k
 WHERE k.organization_id = $1 AND k.state = 'ACTIVE' AND k.expire_time > now() AND k.expire_time <= now() + $3
   AND k.expire_time > k.create_time + $3
   AND (k.expire_time > $2::timestamptz + $3 OR (k.update_time > $2 AND k.expire_time > k.update_time + interval '1 day'))
 ORDER BY k.expire_time LIMIT $4
"""
# Keys whose last use, or creation, is `$3` ago since the last look at `$2`.
_UNUSED: Final = """
SELECT k.api_key_id, coalesce(u.last_use_time, k.create_time) AS since, u.last_use_time
  FROM standings s
  JOIN api_keys k ON k.organization_id = $1 AND k.api_key_id = s.id
 CROSS JOIN LATERAL (SELECT nullif(s.last_use_time, 'epoch') AS last_use_time) AS u
 WHERE s.organization_id = $1 AND s.kind = 'api_key' AND k.state = 'ACTIVE' AND coalesce(k.expire_time, 'infinity') > now()
   AND coalesce(u.last_use_time, k.create_time) > $2::timestamptz - $3::interval
   AND coalesce(u.last_use_time, k.create_time) <= now() - $3::interval
 ORDER BY 2 LIMIT $4
"""


async def _find(view: View) -> Found:
    since = view.claimed.looked_until
    if since is None:
        # The first look: what was so before is history.
        return Found()
    told: list[Told] = []
    for rule in view.naming(KEY_EXPIRING):
        told += await _expiring(view, rule, since)
    for rule in view.naming(KEY_UNUSED):
        told += await _unused(view, rule, since)
    return Found(told)


async def _expiring(view: View, rule: Rule, since: dt.datetime) -> Iterable[Told]:
    days = rule.conditions.expires_in_days
    rows = await view.connection.fetch(
        _EXPIRING, view.claimed.organization, since, dt.timedelta(days=days), MOST_PER_LOOK
    )
    found = await places(view, [_scope(row["api_key_id"]) for row in rows])
    return told_by(
        [rule],
        [
            Happening(
                KEY_EXPIRING, "WARNING", found[_scope(row["api_key_id"])],
                f"expires:{row['api_key_id']}:{int(row['expire_time'].timestamp())}",
                {"expireTime": time_text(row["expire_time"].timestamp())},
            )
            for row in rows
        ],
    )  # fmt: skip


async def _unused(view: View, rule: Rule, since: dt.datetime) -> Iterable[Told]:
    days = rule.conditions.unused_days
    rows = await view.connection.fetch(
        _UNUSED, view.claimed.organization, since, dt.timedelta(days=days), MOST_PER_LOOK
    )
    found = await places(view, [_scope(row["api_key_id"]) for row in rows])
    return told_by(
        [rule],
        [
            Happening(
                KEY_UNUSED, "INFO", found[_scope(row["api_key_id"])],
                f"unused:{row['api_key_id']}:{int(row['since'].timestamp())}:{days}",
                {
                    "days": days,
                    "lastUseTime": row["last_use_time"] and time_text(row["last_use_time"].timestamp()),
                },
            )
            for row in rows
        ],
    )  # fmt: skip


def _scope(api_key: str) -> Scope:
    return Scope(ScopeKind.API_KEY, api_key)


def _is_due(claimed: Claimed) -> bool:
    return claimed.is_look_due


EXPIRY: Final = Source("expiry", frozenset({KEY_EXPIRING, KEY_UNUSED}), _is_due, _find)
