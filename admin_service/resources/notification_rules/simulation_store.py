"""Reads what a rule is replayed from: budgets, the hours of their scopes, and the calls of an hour."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from admin_service.resources.notification_rules.replay import ReplayedBudget, Step
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind
from gateway_core.stores.postgres.connections import Connection

_BUDGETS: Final = """
SELECT b.scope_kind, b.scope_id, b.budget_nano_credits, b.cycle, coalesce(g.path, m.group_path, k.group_path, '{}') AS path,
       coalesce(m.member_id, k.member_id, '') AS member,
       coalesce(g.display_name, m.display_name, u.display_name, k.display_name, o.display_name, '') AS display_name
  FROM guardrails b
  JOIN organizations o ON o.organization_id = b.organization_id
  LEFT JOIN groups g ON b.scope_kind = 'group' AND g.organization_id = b.organization_id AND g.group_id = b.scope_id
  LEFT JOIN members m ON b.scope_kind = 'member' AND m.organization_id = b.organization_id AND m.member_id = b.scope_id
  LEFT JOIN users u ON u.user_id = m.user_id
  LEFT JOIN api_keys k ON b.scope_kind = 'api_key' AND k.organization_id = b.organization_id AND k.api_key_id = b.scope_id
 WHERE b.organization_id = $1 AND b.budget_nano_credits IS NOT NULL
   AND ((b.scope_kind = $2 AND b.scope_id = $3)
        OR ($4 AND CASE $2 WHEN 'organization' THEN true WHEN 'group' THEN $3 = ANY (coalesce(g.path, m.group_path, k.group_path))
                           WHEN 'member' THEN k.member_id = $3 ELSE false END))
 ORDER BY 1, 2 LIMIT $5
"""
_HOURS: Final = """
SELECT s.kind, s.id, h.hour_start, sum(h.charge_nano_credits)::bigint AS charge
  FROM usage_hours h
  JOIN usage_rollups r ON r.organization_id = h.organization_id AND r.state = 'CURRENT' AND r.generation = h.generation
 CROSS JOIN LATERAL (SELECT 'organization' AS kind, h.organization_id AS id UNION ALL SELECT 'member', h.member_id
                     UNION ALL SELECT 'api_key', h.api_key_id UNION ALL SELECT 'group', n FROM unnest(h.group_path) AS n) AS s
  JOIN unnest($4::text[], $5::text[]) AS w (kind, id) ON w.kind = s.kind AND w.id = s.id
 WHERE h.organization_id = $1 AND h.hour_start >= $2 AND h.hour_start < $3
 GROUP BY 1, 2, 3 HAVING sum(h.charge_nano_credits) <> 0 ORDER BY 3
"""
# Days serve what is long ago: they outlive the hours.
_BEFORE: Final = """
SELECT d.scope_kind, d.scope_id, sum(d.charge_nano_credits)::bigint AS charge
  FROM usage_days d
  JOIN usage_rollups r ON r.organization_id = d.organization_id AND r.state = 'CURRENT' AND r.generation = d.generation
  JOIN unnest($3::text[], $4::text[]) AS w (kind, id) ON w.kind = d.scope_kind AND w.id = d.scope_id
 WHERE d.organization_id = $1 AND d.day_start < $2 GROUP BY 1, 2
"""
_CALLS: Final = """
SELECT place_time, charge_nano_credits FROM usage_records
 WHERE organization_id = $1 AND place_time >= $2 AND place_time < $2 + interval '1 hour' AND charge_nano_credits <> 0
   AND CASE $3 WHEN 'group' THEN $4 = ANY (group_path) WHEN 'member' THEN member_id = $4 WHEN 'api_key' THEN api_key_id = $4
               ELSE true END
 ORDER BY sequence LIMIT $5
"""


async def budgets_of(connection: Connection, organization: str, rule: Rule, most: int) -> Sequence[ReplayedBudget]:
    """Returns the budgets of which a rule speaks, up to `most`."""
    rows = await connection.fetch(
        _BUDGETS, organization, rule.scope.kind, rule.scope.scope_id, rule.includes_descendants, most
    )
    return [
        ReplayedBudget(
            Place(
                Scope(ScopeKind(row["scope_kind"]), row["scope_id"]),
                tuple(row["path"]),
                row["member"],
                row["display_name"],
            ),
            row["budget_nano_credits"],
            Cycle(row["cycle"]),
        )
        for row in rows
    ]


async def hours_of(
    connection: Connection, organization: str, scopes: Iterable[Scope], start: dt.datetime, end: dt.datetime
) -> Mapping[Scope, Sequence[Step]]:
    """Returns what scopes spent in each hour."""
    found: dict[Scope, list[Step]] = {}
    rows = await connection.fetch(_HOURS, organization, start, end, *_columns(scopes))
    for kind, scope_id, hour, charge in rows:
        found.setdefault(Scope(ScopeKind(kind), scope_id), []).append(Step(hour, charge))
    return found


async def spent_before(
    connection: Connection, organization: str, scopes: Iterable[Scope], day: dt.datetime
) -> Mapping[Scope, int]:
    """Returns what scopes had spent before a day began."""
    rows = await connection.fetch(_BEFORE, organization, day, *_columns(scopes))
    return {Scope(ScopeKind(kind), scope_id): charge for kind, scope_id, charge in rows}


async def calls_of(
    connection: Connection, organization: str, scope: Scope, hour: dt.datetime, most: int
) -> Sequence[Step]:
    """Returns the calls of an hour in the order of the ledger; none if there are more than `most`."""
    rows = await connection.fetch(_CALLS, organization, hour, scope.kind, scope.scope_id, most + 1)
    return [Step(*row) for row in rows] if len(rows) <= most else []


def _columns(scopes: Iterable[Scope]) -> tuple[list[str], list[str]]:
    listed = list(scopes)
    return [scope.kind.value for scope in listed], [scope.scope_id for scope in listed]
