"""Amounts that a scope without a budget spends in a month, and summaries of what a week or month has spent."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.model.alerts.event_types import MONTHLY_SUMMARY, SPEND_REACHED, WEEKLY_SUMMARY
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.limits.cycles import Cycle, Period, period_at, period_before
from gateway_core.model.organization.scopes import Scope, kinds_and_ids
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Condition, Told
from usage_service.alerts.events import Happening, time_text
from usage_service.alerts.sources.source import Found, Source, View, places

_AGAIN_S: Final = 10.0
_LATE_S: Final = 3 * 86_400
"""A summary of a period that ended so long ago is history."""
_TOP: Final = 5
# Of scopes without a budget. Days have what hours have before `days_until`, and nothing from it on.
_SPENT: Final = """
SELECT s.kind, s.id,
       (SELECT coalesce(sum(d.charge_nano_credits), 0) FROM usage_days d
         WHERE d.organization_id = $1 AND d.generation = r.generation AND d.scope_kind = s.kind AND d.scope_id = s.id
           AND d.day_start >= $4)::bigint
       + (SELECT coalesce(sum(h.charge_nano_credits), 0) FROM usage_hours h
           WHERE h.organization_id = $1 AND h.generation = r.generation AND h.hour_start >= greatest(r.days_until, $4)
             AND CASE s.kind WHEN 'organization' THEN true WHEN 'group' THEN s.id = ANY (h.group_path)
                             WHEN 'member' THEN h.member_id = s.id ELSE h.api_key_id = s.id END)::bigint AS spent
  FROM usage_rollups r CROSS JOIN unnest($2::text[], $3::text[]) AS s (kind, id)
 WHERE r.organization_id = $1 AND r.state = 'CURRENT'
   AND NOT EXISTS (SELECT FROM guardrails g WHERE g.organization_id = $1 AND g.scope_kind = s.kind AND g.scope_id = s.id
                      AND g.budget_nano_credits IS NOT NULL)
"""
_IS_COMPLETE: Final = """
SELECT EXISTS (SELECT FROM usage_rollups r WHERE r.organization_id = $1 AND r.state = 'CURRENT' AND r.days_until >= $2)
"""
_IS_TOLD: Final = """
SELECT EXISTS (SELECT FROM alert_events e WHERE e.organization_id = $1 AND e.rule_id = $2 AND e.scope_kind = $3 AND e.scope_id = $4
                  AND e.occasion = $5)
"""
_SUMS: Final = """
SELECT d.model, sum(d.charge_nano_credits)::bigint AS spent, sum(d.call_count)::bigint AS calls
  FROM usage_rollups r
  JOIN usage_days d ON d.organization_id = $1 AND d.generation = r.generation AND d.scope_kind = $2 AND d.scope_id = $3
                   AND d.day_start >= $4 AND d.day_start < $5
 WHERE r.organization_id = $1 AND r.state = 'CURRENT'
 GROUP BY 1 ORDER BY 2 DESC, 1
"""
# The members inside the organization, a group or a member.
_MEMBERS: Final = """
SELECT d.scope_id, coalesce(max(n.display_name), '') AS name, sum(d.charge_nano_credits)::bigint AS spent
  FROM usage_rollups r
  JOIN usage_days d ON d.organization_id = $1 AND d.generation = r.generation AND d.scope_kind = 'member'
                   AND d.day_start >= $4 AND d.day_start < $5
  LEFT JOIN usage_names n ON n.organization_id = $1 AND n.kind = 'member' AND n.id = d.scope_id AND n.valid_to IS NULL
 WHERE r.organization_id = $1 AND r.state = 'CURRENT'
   AND ($2 = 'organization' OR ($2 = 'group' AND $3 = ANY (d.group_path)) OR ($2 = 'member' AND d.scope_id = $3))
 GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT $6
"""


async def _find_amounts(view: View) -> Found:
    claimed = view.claimed
    rules = [rule for rule in view.rules if any(one.amount_nano_credits for one in rule.thresholds)]
    again_s = _AGAIN_S if rules and claimed.has_ledger_events else None
    if not claimed.is_look_due or not rules:
        return Found(look_again_s=again_s)
    month = period_at(Cycle.MONTHLY, claimed.zone, claimed.now.timestamp())
    found = await places(view, [rule.scope for rule in rules])
    spent = await _spent(view, list(found), _instant(month.start_epoch_s))
    conditions = [
        condition
        for rule in rules if rule.scope in spent
        for condition in _conditions(rule, found[rule.scope], spent[rule.scope], month)
    ]  # fmt: skip
    return Found(conditions=conditions, look_again_s=again_s)


async def _spent(view: View, scopes: Sequence[Scope], since: dt.datetime) -> Mapping[Scope, int]:
    rows = await view.connection.fetch(_SPENT, view.claimed.organization, *kinds_and_ids(scopes), since)
    by_text = {one.encode(): one for one in scopes}
    return {by_text[f"{row['kind']}:{row['id']}"]: row["spent"] for row in rows}


def _conditions(rule: Rule, place: Place, spent: int, month: Period) -> Sequence[Condition]:
    return [
        Condition(
            rule, f"spend:{place.scope.encode()}:{month.start_epoch_s}", one.encode(), place, spent >= one.amount_nano_credits,
            SPEND_REACHED, None, one.severity,
            {
                "threshold": {"amountNanoCredits": str(one.amount_nano_credits)},
                "spentNanoCredits": str(spent),
                **_period(month),
            },
            rank=one.amount_nano_credits,
        )
        for one in rule.thresholds if one.amount_nano_credits
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Summed:
    """What a scope spent in a period."""

    spent: int
    calls: int
    models: Sequence[tuple[str, int]]


async def _find_summaries(view: View) -> Found:
    told: list[Told] = []
    for event_type, cycle in ((WEEKLY_SUMMARY, Cycle.WEEKLY), (MONTHLY_SUMMARY, Cycle.MONTHLY)):
        for rule in view.naming(event_type):
            told += await _summary(view, rule, event_type, cycle)
    return Found(told)


async def _summary(view: View, rule: Rule, event_type: str, cycle: Cycle) -> Sequence[Told]:
    claimed, scope = view.claimed, rule.scope
    running = period_at(cycle, claimed.zone, claimed.now.timestamp())
    ended = period_before(cycle, claimed.zone, running.start_epoch_s)
    before = period_before(cycle, claimed.zone, ended.start_epoch_s)
    end = _instant(running.start_epoch_s)
    occasion = f"{event_type}:{ended.start_epoch_s}"
    if claimed.now.timestamp() > running.start_epoch_s + _LATE_S or rule.create_time >= end:
        return []
    organization, connection = claimed.organization, view.connection
    if await connection.fetchval(_IS_TOLD, organization, rule.rule_id, scope.kind, scope.scope_id, occasion):
        return []
    if not await connection.fetchval(_IS_COMPLETE, organization, end):
        return []
    now, former = await _summed(view, scope, ended), await _summed(view, scope, before)
    if not now.calls:
        return []
    bounds = (_instant(ended.start_epoch_s), end)
    members = await connection.fetch(_MEMBERS, organization, scope.kind, scope.scope_id, *bounds, _TOP)
    details = {
        **_period(ended),
        "spentNanoCredits": str(now.spent),
        "callCount": str(now.calls),
        "spentBeforeNanoCredits": str(former.spent),
        "topModels": [{"model": model, "spentNanoCredits": str(spent)} for model, spent in now.models[:_TOP]],
        "topMembers": [
            {
                "name": f"organizations/{organization}/members/{row['scope_id']}",
                "displayName": row["name"],
                "spentNanoCredits": str(row["spent"]),
            }
            for row in members
        ],
    }
    place = (await places(view, [scope]))[scope]
    return [(rule, Happening(event_type, "INFO", place, occasion, details))]


async def _summed(view: View, scope: Scope, period: Period) -> _Summed:
    bounds = (_instant(period.start_epoch_s), _instant(period.end_epoch_s or period.start_epoch_s))
    rows = await view.connection.fetch(_SUMS, view.claimed.organization, scope.kind, scope.scope_id, *bounds)
    return _Summed(
        sum(row["spent"] for row in rows),
        sum(row["calls"] for row in rows),
        [(row["model"], row["spent"]) for row in rows],
    )


def _period(period: Period) -> dict[str, object]:
    return {
        "periodStartTime": time_text(period.start_epoch_s),
        "periodEndTime": time_text(period.end_epoch_s or period.start_epoch_s),
    }


def _instant(epoch_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)


def _is_due(claimed: Claimed) -> bool:
    return claimed.has_ledger_events or claimed.is_look_due


AMOUNTS: Final = Source("amounts", frozenset({SPEND_REACHED}), _is_due, _find_amounts)
SUMMARIES: Final = Source(
    "summaries", frozenset({WEEKLY_SUMMARY, MONTHLY_SUMMARY}), lambda claimed: claimed.is_look_due, _find_summaries
)
