"""Reads what a rule is replayed from: budgets, the days and hours of their scopes, and the calls of an hour."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.resources.notification_rules.replay import ReplayedBudget, Step
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind, kinds_and_ids
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
# Days have what is before `days_until`; the hours after it are steps of their own.
_DAYS: Final = """
SELECT d.scope_kind, d.scope_id, d.day_start AS time, sum(d.charge_nano_credits)::bigint AS charge
  FROM unnest($4::text[], $5::text[]) AS w (kind, id)
  JOIN usage_rollups r ON r.organization_id = $1 AND r.state = 'CURRENT'
  JOIN usage_days d ON d.organization_id = $1 AND d.generation = r.generation AND d.scope_kind = w.kind AND d.scope_id = w.id
                   AND d.day_start >= $2 AND d.day_start < $3
 GROUP BY 1, 2, 3 HAVING sum(d.charge_nano_credits) <> 0 ORDER BY 3
"""
_DAYS_UNTIL: Final = "SELECT days_until FROM usage_rollups WHERE organization_id = $1 AND state = 'CURRENT'"
_HOURS: Final = """
SELECT w.id, h.hour_start AS time, sum(h.charge_nano_credits)::bigint AS charge
  FROM usage_rollups r
  JOIN usage_hours h ON h.organization_id = $1 AND h.generation = r.generation AND h.hour_start >= $5 AND h.hour_start < $6
 {scopes}
  JOIN unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS w (id, first, last)
    ON w.id = {scope} AND h.hour_start >= w.first AND h.hour_start < w.last
 WHERE r.organization_id = $1 AND r.state = 'CURRENT'
 GROUP BY 1, 2 HAVING sum(h.charge_nano_credits) <> 0 ORDER BY 2
"""
_HOURS_OF: Final = {
    ScopeKind.ORGANIZATION: _HOURS.format(scopes="", scope="h.organization_id"),
    ScopeKind.GROUP: _HOURS.format(scopes="CROSS JOIN LATERAL unnest(h.group_path) AS g (id)", scope="g.id"),
    ScopeKind.MEMBER: _HOURS.format(scopes="", scope="h.member_id"),
    ScopeKind.API_KEY: _HOURS.format(scopes="", scope="h.api_key_id"),
}
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


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the spend of a scope is looked at more closely."""

    scope: Scope
    start: dt.datetime
    end: dt.datetime


async def days_of(
    connection: Connection, organization: str, scopes: Iterable[Scope], start: dt.datetime, end: dt.datetime
) -> tuple[Mapping[Scope, Sequence[Step]], dt.datetime]:
    """Returns what scopes spent on each day, and from when on in each hour, because days are not yet complete."""
    wanted = list(scopes)
    found: dict[Scope, list[Step]] = {}
    for kind, scope_id, time, charge in await connection.fetch(_DAYS, organization, start, end, *kinds_and_ids(wanted)):
        found.setdefault(Scope(ScopeKind(kind), scope_id), []).append(Step(time, charge))
    until: dt.datetime = await connection.fetchval(_DAYS_UNTIL, organization) or end
    if until < end:
        hours = await hours_of(connection, organization, [Span(scope, max(until, start), end) for scope in wanted])
        for span, steps in hours.items():
            found.setdefault(span.scope, []).extend(steps)
    return found, until


async def hours_of(connection: Connection, organization: str, spans: Sequence[Span]) -> Mapping[Span, Sequence[Step]]:
    """Returns what scopes spent in each hour of some spans. The spans of a scope do not overlap."""
    found: dict[Span, list[Step]] = {span: [] for span in spans}
    for kind in ScopeKind:
        ours = [span for span in spans if span.scope.kind is kind]
        if not ours:
            continue
        by_id: dict[str, list[Span]] = {}
        for span in ours:
            by_id.setdefault(span.scope.scope_id, []).append(span)
        rows = await connection.fetch(
            _HOURS_OF[kind], organization, [span.scope.scope_id for span in ours], [span.start for span in ours],
            [span.end for span in ours], min(span.start for span in ours), max(span.end for span in ours),
        )  # fmt: skip
        for scope_id, time, charge in rows:
            span = next(one for one in by_id[scope_id] if one.start <= time < one.end)
            found[span].append(Step(time, charge))
    return found


async def spent_before(
    connection: Connection, organization: str, scopes: Iterable[Scope], day: dt.datetime
) -> Mapping[Scope, int]:
    """Returns what scopes had spent before a day began."""
    rows = await connection.fetch(_BEFORE, organization, day, *kinds_and_ids(scopes))
    return {Scope(ScopeKind(kind), scope_id): charge for kind, scope_id, charge in rows}


async def calls_of(
    connection: Connection, organization: str, scope: Scope, hour: dt.datetime, most: int
) -> Sequence[Step]:
    """Returns the calls of an hour in the order of the ledger; none if there are more than `most`."""
    rows = await connection.fetch(_CALLS, organization, hour, scope.kind, scope.scope_id, most + 1)
    return [Step(*row) for row in rows] if len(rows) <= most else []
