"""Members and keys whose calls are refused by request limits, for minutes rather than now and then."""

from typing import Final

from gateway_core.model.alerts.event_types import CALLS_ADMITTED, CALLS_REFUSED
from gateway_core.model.alerts.rules import Place, Rule
from gateway_core.model.organization.scopes import Scope, ScopeKind
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Condition
from usage_service.alerts.looks import RATE_REFUSALS
from usage_service.alerts.sources.source import Found, Source, View, places

_AGAIN_S: Final = 10.0
# The key whose limit refused, or the member whose calls another limit refused; and whom an episode is told of.
_REFUSED: Final = """
WITH refused AS MATERIALIZED (
    SELECT CASE WHEN c.scope_kind = 'api_key' THEN 'api_key' ELSE 'member' END AS kind,
           CASE WHEN c.scope_kind = 'api_key' THEN c.api_key_id ELSE c.member_id END AS id, sum(c.call_count)::bigint AS calls
      FROM refused_calls c
     WHERE c.organization_id = $1 AND c.minute > date_trunc('minute', $2::timestamptz) - interval '5 minutes'
       AND c.reason = ANY ($3::text[]) AND c.member_id <> ''
     GROUP BY 1, 2
), concerned AS (
    SELECT kind, id FROM refused WHERE calls >= $4
    UNION
    SELECT split_part(s.occasion, ':', 2), split_part(s.occasion, ':', 3) FROM alert_states s
     WHERE s.organization_id = $1 AND s.occasion LIKE 'refusals:%' AND s.is_reached
)
SELECT c.kind, c.id, coalesce(r.calls, 0) AS refused,
       CASE WHEN c.kind = 'member' THEN (
           SELECT count(*) FROM usage_records u WHERE u.organization_id = $1 AND u.member_id = c.id
              AND u.place_time >= date_trunc('minute', $2::timestamptz) - interval '4 minutes')
       ELSE (
           SELECT count(*) FROM usage_records u WHERE u.organization_id = $1 AND u.api_key_id = c.id
              AND u.place_time >= date_trunc('minute', $2::timestamptz) - interval '4 minutes') END AS admitted
  FROM concerned c LEFT JOIN refused r ON r.kind = c.kind AND r.id = c.id
 ORDER BY 1, 2
"""


async def _find(view: View) -> Found:
    claimed = view.claimed
    if not claimed.is_look_due:
        # Counting calls costs something, so that it waits for a look even while every second has refusals.
        return Found(look_again_s=_AGAIN_S)
    least = min(max(1, _least_refused(rule)) for rule in view.rules)
    rows = await view.connection.fetch(_REFUSED, claimed.organization, claimed.now, RATE_REFUSALS, least)
    found = await places(view, [Scope(ScopeKind(row["kind"]), row["id"]) for row in rows])
    conditions = [
        _condition(
            rule, found[Scope(ScopeKind(row["kind"]), row["id"])], row["refused"], row["refused"] + row["admitted"]
        )
        for row in rows
        for rule in view.rules
    ]
    concerned = [one for one in conditions if one.rule.speaks_of(one.place)]
    return Found(conditions=concerned, look_again_s=_AGAIN_S if rows else None)


def _condition(rule: Rule, place: Place, refused: int, calls: int) -> Condition:
    return Condition(
        rule, f"refusals:{place.scope.encode()}", "sustained", place, _holds(rule, refused, calls),
        CALLS_REFUSED, CALLS_ADMITTED, "WARNING",
        {"calls": {"refused": str(refused), "all": str(calls), "minutes": 5}},
    )  # fmt: skip


def _holds(rule: Rule, refused: int, calls: int) -> bool | None:
    """Sustained from the share on; over below half of it. In between, it stays as it was."""
    percent, least = rule.conditions.refused_percent, rule.conditions.refused_min_calls
    if calls >= least and 100 * refused >= percent * calls:
        return True
    return False if 200 * refused < percent * calls or not refused else None


def _least_refused(rule: Rule) -> int:
    """Returns fewer refused calls than which cannot be a share that the rule tells of."""
    return rule.conditions.refused_min_calls * rule.conditions.refused_percent // 100


def _is_due(claimed: Claimed) -> bool:
    return claimed.has_refusals or claimed.is_look_due


REFUSALS: Final = Source("refusals", frozenset({CALLS_REFUSED, CALLS_ADMITTED}), _is_due, _find)
