"""Reads what a rule is replayed from: budgets, the days and hours of their scopes, and the calls of an hour."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from admin_service.api.guardrail_names import guardrail_name
from admin_service.resources.notification_rules.replay import ReplayedBudget, Step, Temporary
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.model_whitelists import ModelWhitelist, compile_stored
from gateway_core.model.limits.rollovers import rollover_of
from gateway_core.model.limits.temporary_limits import temporary_limit_of
from gateway_core.model.organization.scopes import Scope, ScopeKind, kinds_and_ids
from gateway_core.stores.postgres.connections import Connection

# A guardrail's budget for all models, and those for some. LATERAL over both would be slow for large organizations.
LONGEST_TEMPORARY: Final = dt.timedelta(days=92)
_BUDGETS: Final = """
WITH guarded AS MATERIALIZED (
    SELECT b.scope_kind, b.scope_id, coalesce(g.path, m.group_path, k.group_path, '{}') AS path,
           coalesce(m.member_id, k.member_id, '') AS member,
           coalesce(g.display_name, m.display_name, u.display_name, k.display_name, o.display_name, '') AS display_name
      FROM guardrails b
      JOIN organizations o ON o.organization_id = b.organization_id
      LEFT JOIN groups g ON b.scope_kind = 'group' AND g.organization_id = b.organization_id AND g.group_id = b.scope_id
      LEFT JOIN members m ON b.scope_kind = 'member' AND m.organization_id = b.organization_id AND m.member_id = b.scope_id
      LEFT JOIN users u ON u.user_id = m.user_id
      LEFT JOIN api_keys k ON b.scope_kind = 'api_key' AND k.organization_id = b.organization_id AND k.api_key_id = b.scope_id
     WHERE b.organization_id = $1 AND (b.budget_nano_credits IS NOT NULL OR b.model_budgets <> '[]')
       AND ((b.scope_kind = $2 AND b.scope_id = $3)
            OR ($4 AND CASE $2 WHEN 'organization' THEN true
                               WHEN 'group' THEN $3 = ANY (coalesce(g.path, m.group_path, k.group_path))
                               WHEN 'member' THEN k.member_id = $3 ELSE false END))
), budgets AS (
    SELECT r.scope_kind, r.scope_id, '' AS entry, '' AS models, r.budget_nano_credits AS budget, r.cycle,
           r.cycle_revision AS revision,
           r.rollover, r.temporary_limit, r.update_time
      FROM guardrails r WHERE r.organization_id = $1 AND r.budget_nano_credits IS NOT NULL
    UNION ALL
    SELECT r.scope_kind, r.scope_id, m.entry, m.models, m.budget, m.cycle, m.revision, m.options -> 'rollover', NULL, r.update_time
      FROM guardrails r CROSS JOIN LATERAL model_budgets_of(r) m WHERE r.organization_id = $1 AND r.model_budgets <> '[]'
)
SELECT g.*, b.entry, b.models, b.budget, b.cycle, b.revision, b.rollover, b.temporary_limit, b.update_time,
       coalesce((SELECT p.settled_nano_credits FROM scope_spend p
                  WHERE p.organization_id = $1 AND b.cycle = 'NEVER' AND b.models <> ''
                    AND p.counter = counter_name(b.scope_kind, b.scope_id, 'NEVER', 'epoch', b.revision, b.models)), 0) AS spent
  FROM guarded g JOIN budgets b USING (scope_kind, scope_id)
 ORDER BY 1, 2, b.entry LIMIT $5
"""
# What was carried into periods of present budgets: `$2` are counters without their period, and `$3` their revisions.
_CARRIES: Final = """
SELECT c.budget, c.period_start, carried_of($1, c.base_nano_credits, c.cap_nano_credits, c.previous) AS carried
  FROM unnest($2::text[], $3::bigint[]) AS w (budget, revision)
  JOIN budget_carries c ON c.organization_id = $1 AND c.budget = w.budget AND c.revision = w.revision AND c.period_start >= $4
"""
# What changes of guardrails said about temporary limits since `$3`.
_TEMPORARIES: Final = """
SELECT a.resource_name, a.create_time, a.after -> 'temporaryLimit' ->> 'endTime' AS end_time,
       (a.after -> 'temporaryLimit' ->> 'budgetNanoCredits')::bigint AS budget
  FROM unnest($2::text[]) AS w (name)
  JOIN audit_log a ON a.organization_id = $1 AND a.resource_name = w.name AND a.refusal = '' AND a.create_time >= $3
 WHERE (a.before -> 'temporaryLimit') IS DISTINCT FROM (a.after -> 'temporaryLimit')
 ORDER BY a.sequence
"""
# When budgets were reset since `$3`: those of a guardrail together.
_RESETS: Final = """
SELECT a.resource_name, a.create_time
  FROM unnest($2::text[]) AS w (name)
  JOIN audit_log a ON a.organization_id = $1 AND a.resource_name = w.name AND a.refusal = '' AND a.create_time >= $3
 WHERE a.method LIKE '%/ResetGuardrail'
 ORDER BY a.sequence
"""
# Hours by model, for budgets of some models: days do not know the provider.
_MODEL_HOURS: Final = """
SELECT w.id, h.hour_start AS time, h.model, h.provider_id, sum(h.charge_nano_credits)::bigint AS charge
  FROM usage_rollups r
  JOIN usage_hours h ON h.organization_id = $1 AND h.generation = r.generation AND h.hour_start >= $3 AND h.hour_start < $4
 {scopes}
  JOIN unnest($2::text[]) AS w (id) ON w.id = {scope}
 WHERE r.organization_id = $1 AND r.state = 'CURRENT'
 GROUP BY 1, 2, 3, 4 HAVING sum(h.charge_nano_credits) <> 0 ORDER BY 2
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
_PLACES: Final = {
    ScopeKind.ORGANIZATION: {"scopes": "", "scope": "h.organization_id"},
    ScopeKind.GROUP: {"scopes": "CROSS JOIN LATERAL unnest(h.group_path) AS g (id)", "scope": "g.id"},
    ScopeKind.MEMBER: {"scopes": "", "scope": "h.member_id"},
    ScopeKind.API_KEY: {"scopes": "", "scope": "h.api_key_id"},
}
_HOURS_OF: Final = {kind: _HOURS.format(**place) for kind, place in _PLACES.items()}
_MODEL_HOURS_OF: Final = {kind: _MODEL_HOURS.format(**place) for kind, place in _PLACES.items()}
# Days serve what is long ago: they outlive the hours.
_BEFORE: Final = """
SELECT d.scope_kind, d.scope_id, sum(d.charge_nano_credits)::bigint AS charge
  FROM usage_days d
  JOIN usage_rollups r ON r.organization_id = d.organization_id AND r.state = 'CURRENT' AND r.generation = d.generation
  JOIN unnest($3::text[], $4::text[]) AS w (kind, id) ON w.kind = d.scope_kind AND w.id = d.scope_id
 WHERE d.organization_id = $1 AND d.day_start < $2 GROUP BY 1, 2
"""
_CALLS: Final = """
SELECT place_time, charge_nano_credits, requested_model, provider_id FROM usage_records
 WHERE organization_id = $1 AND place_time >= $2 AND place_time < $2 + interval '1 hour' AND charge_nano_credits <> 0
   AND CASE $3 WHEN 'group' THEN $4 = ANY (group_path) WHEN 'member' THEN member_id = $4 WHEN 'api_key' THEN api_key_id = $4
               ELSE true END
 ORDER BY sequence LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class StoredBudget:
    """A budget, with what its history is found by."""

    budget: ReplayedBudget
    encoded: str
    """The counter without its period."""
    revision: int
    spent_nano_credits: int
    """Of a budget for some models that never resets."""


async def budgets_of(connection: Connection, organization: str, rule: Rule, most: int) -> Sequence[StoredBudget]:
    """Returns the budgets of which a rule speaks, up to `most`."""
    rows = await connection.fetch(
        _BUDGETS, organization, rule.scope.kind, rule.scope.scope_id, rule.includes_descendants, most
    )
    return [_stored(row) for row in rows]


def _stored(row: Any) -> StoredBudget:  # noqa: ANN401 - a row
    scope = Scope(ScopeKind(row["scope_kind"]), row["scope_id"])
    rollover = None if row["rollover"] is None else rollover_of(json.loads(row["rollover"]))
    budget = ReplayedBudget(
        Place(scope, tuple(row["path"]), row["member"], row["display_name"]),
        row["budget"],
        Cycle(row["cycle"]),
        row["entry"],
        rollover if row["cycle"] != Cycle.NEVER else None,
        temporaries=_present_temporary(row),
    )
    parts = [scope.kind, scope.scope_id, *([row["models"]] if row["models"] else [])]
    return StoredBudget(budget, ":".join(parts), row["revision"], row["spent"])


def _present_temporary(row: Any) -> tuple[Temporary, ...]:  # noqa: ANN401 - a row
    """Returns the limit that is set now. The audit log says more exactly since when."""
    limit = None if row["temporary_limit"] is None else temporary_limit_of(json.loads(row["temporary_limit"]))
    if limit is None or limit.budget_nano_credits is None:
        return ()
    end = dt.datetime.fromtimestamp(limit.end_epoch_s, dt.UTC)
    return (Temporary(min(row["update_time"], end), end, limit.budget_nano_credits),)


async def with_history(
    connection: Connection, organization: str, budgets: Sequence[StoredBudget], first: dt.datetime
) -> Sequence[ReplayedBudget]:
    """Returns budgets with what was carried into their periods, their temporary limits and their resets, since `first`."""
    rows = await connection.fetch(
        _CARRIES,
        organization,
        [one.encoded for one in budgets],
        [one.revision for one in budgets],
        int(first.timestamp()),
    )
    carries: dict[str, dict[int, int]] = {}
    for row in rows:
        carries.setdefault(row["budget"], {})[row["period_start"]] = row["carried"]
    scopes = {one.budget.place.scope for one in budgets}
    temporaries = await _temporaries(connection, organization, scopes, first)
    resets = await _resets(connection, organization, scopes, first)
    return [
        replace(
            one.budget,
            carries=carries.get(one.encoded, {}),
            temporaries=() if one.budget.models else temporaries.get(one.budget.place.scope, one.budget.temporaries),
            resets=resets.get(one.budget.place.scope, ()),
        )
        for one in budgets
    ]


async def _temporaries(
    connection: Connection, organization: str, scopes: Iterable[Scope], first: dt.datetime
) -> Mapping[Scope, tuple[Temporary, ...]]:
    """Returns the temporary limits of scopes whose changes the audit log has. None lasts longer than 92 days."""
    by_name = {str(guardrail_name(organization, scope)): scope for scope in scopes}
    rows = await connection.fetch(_TEMPORARIES, organization, sorted(by_name), first - LONGEST_TEMPORARY)
    found: dict[Scope, list[Temporary]] = {}
    for row in rows:
        ours = found.setdefault(by_name[row["resource_name"]], [])
        if ours and ours[-1].end > row["create_time"]:
            ours[-1] = replace(ours[-1], end=row["create_time"])
        if row["budget"] is not None:
            ours.append(Temporary(row["create_time"], dt.datetime.fromisoformat(row["end_time"]), row["budget"]))
    return {scope: tuple(one for one in ours if one.end > first) for scope, ours in found.items()}


async def _resets(
    connection: Connection, organization: str, scopes: Iterable[Scope], first: dt.datetime
) -> Mapping[Scope, tuple[dt.datetime, ...]]:
    by_name = {str(guardrail_name(organization, scope)): scope for scope in scopes}
    found: dict[Scope, tuple[dt.datetime, ...]] = {}
    for name, time in await connection.fetch(_RESETS, organization, sorted(by_name), first):
        found[by_name[name]] = (*found.get(by_name[name], ()), time)
    return found


async def model_hours_of(
    connection: Connection, organization: str, budgets: Iterable[ReplayedBudget], start: dt.datetime, end: dt.datetime
) -> Mapping[tuple[Scope, str], Sequence[Step]]:
    """Returns what scopes spent in each hour on the models of budgets, by scope and whitelist entry."""
    wanted = list(budgets)
    found: dict[tuple[Scope, str], dict[dt.datetime, int]] = {(one.place.scope, one.models): {} for one in wanted}
    for kind in ScopeKind:
        entries: dict[str, list[tuple[str, ModelWhitelist]]] = {}
        for one in wanted:
            if one.place.scope.kind is kind:
                entries.setdefault(one.place.scope.scope_id, []).append((one.models, compile_stored([one.models])))
        rows = (
            await connection.fetch(_MODEL_HOURS_OF[kind], organization, sorted(entries), start, end) if entries else []
        )
        for scope_id, time, model, provider, charge in rows:
            for entry, whitelist in entries[scope_id]:
                if whitelist.allows(model, provider):
                    hours = found[Scope(kind, scope_id), entry]
                    hours[time] = hours.get(time, 0) + charge
    return {key: [Step(time, charge) for time, charge in hours.items()] for key, hours in found.items()}


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
    connection: Connection, organization: str, budget: ReplayedBudget, hour: dt.datetime, most: int
) -> Sequence[Step]:
    """Returns the calls of an hour that count, in the order of the ledger; none if there are more than `most`."""
    scope = budget.place.scope
    rows = await connection.fetch(_CALLS, organization, hour, scope.kind, scope.scope_id, most + 1)
    if len(rows) > most:
        return []
    whitelist = compile_stored([budget.models]) if budget.models else None
    return [
        Step(time, charge)
        for time, charge, model, provider in rows
        if whitelist is None or whitelist.allows(model, provider)
    ]
