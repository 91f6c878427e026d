"""Seats and keys that reach a share of their limit."""

from collections.abc import Iterable
from typing import Final

import asyncpg

from gateway_core.model.alerts.event_types import KEYS_REACHED, KEYS_RECOVERED, SEATS_REACHED, SEATS_RECOVERED
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Condition
from usage_service.alerts.sources.source import Found, Source, View, organization_place, places

_WHOLE_PERCENT: Final = 100
_SEATS: Final = """
SELECT r.seat_limit AS most,
       (SELECT count(*) FROM members m WHERE m.organization_id = $1 AND m.state <> 'REMOVED' AND m.user_id IS NOT NULL) AS used
  FROM guardrails r WHERE r.organization_id = $1 AND r.scope_kind = 'organization' AND r.seat_limit IS NOT NULL
"""
# Of the organization, and of members who have used `$2` percent of their limit, or were told so.
_KEYS: Final = """
SELECT r.scope_kind, r.scope_id, r.key_limit AS most,
       (SELECT coalesce(sum(c.key_count), 0)::bigint FROM key_counts c WHERE c.organization_id = $1) AS used
  FROM guardrails r WHERE r.organization_id = $1 AND r.scope_kind = 'organization' AND r.key_limit IS NOT NULL
UNION ALL
SELECT r.scope_kind, r.scope_id, r.key_limit, c.key_count
  FROM guardrails r
  JOIN key_counts c ON c.organization_id = $1 AND c.kind IN ('member', 'service_account') AND c.id = r.scope_id
 WHERE r.organization_id = $1 AND r.scope_kind = 'member' AND r.key_limit IS NOT NULL AND c.key_count > 0
   AND c.key_count * 100 >= r.key_limit * $2::bigint
UNION ALL
SELECT r.scope_kind, r.scope_id, r.key_limit, coalesce(c.key_count, 0)
  FROM (SELECT DISTINCT split_part(s.occasion, ':', 3) AS member_id FROM alert_states s
         WHERE s.organization_id = $1 AND s.occasion LIKE 'keys:member:%' AND s.is_reached) AS t
  JOIN guardrails r ON r.organization_id = $1 AND r.scope_kind = 'member' AND r.scope_id = t.member_id AND r.key_limit IS NOT NULL
  LEFT JOIN key_counts c ON c.organization_id = $1 AND c.kind IN ('member', 'service_account') AND c.id = t.member_id
 WHERE coalesce(c.key_count, 0) * 100 < r.key_limit * $2::bigint
"""


async def _find(view: View) -> Found:
    seats, keys = view.naming(SEATS_REACHED, SEATS_RECOVERED), view.naming(KEYS_REACHED, KEYS_RECOVERED)
    conditions: list[Condition] = []
    if seats and (row := await view.connection.fetchrow(_SEATS, view.claimed.organization)):
        place = await organization_place(view)
        conditions += _conditions(seats, "seats", place, row, SEATS_REACHED, SEATS_RECOVERED)
    if keys:
        least = min(
            (one.percent or 0 for rule in keys for one in rule.thresholds if one.percent), default=_WHOLE_PERCENT
        )
        rows = await view.connection.fetch(_KEYS, view.claimed.organization, least)
        scopes = [Scope(ScopeKind(row["scope_kind"]), row["scope_id"]) for row in rows]
        found = await places(view, scopes)
        for scope, row in zip(scopes, rows, strict=True):
            conditions += _conditions(keys, "keys", found[scope], row, KEYS_REACHED, KEYS_RECOVERED)
    return Found(conditions=conditions)


def _conditions(
    rules: Iterable[Rule], what: str, place: Place, row: asyncpg.Record, reached: str, recovered: str
) -> Iterable[Condition]:
    used, most = row["used"], row["most"]
    for rule in rules:
        if not rule.speaks_of(place):
            continue
        for one in rule.thresholds:
            if one.percent is None:
                continue
            yield Condition(
                rule, f"{what}:{place.scope.encode()}", one.encode(), place,
                # A limit of nothing is not reached by having nothing.
                bool(used) and used >= one.amount_of(most),
                reached, recovered if one.percent >= _WHOLE_PERCENT else None, one.severity,
                {what: {"used": str(used), "limit": str(most)}, "threshold": {"percent": one.percent}},
                rank=one.percent,
            )  # fmt: skip


def _is_due(claimed: Claimed) -> bool:
    return claimed.has_new_entries or claimed.has_changes or claimed.is_look_due


QUOTAS: Final = Source(
    "quotas", frozenset({SEATS_REACHED, SEATS_RECOVERED, KEYS_REACHED, KEYS_RECOVERED}), _is_due, _find
)
