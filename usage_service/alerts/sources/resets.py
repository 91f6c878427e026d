"""Budgets that begin anew, told where a rule had told that a threshold is reached. Forgets the states of what has ended."""

from typing import Final

from gateway_core.model.alerts.event_types import BUDGET_RESET
from gateway_core.model.limits.counters import Counter
from usage_service.alerts.claims import Claimed
from usage_service.alerts.conditions import Told
from usage_service.alerts.events import Happening, budget_data
from usage_service.alerts.sources.source import Found, Source, View, places

MOST_PER_LOOK: Final = 1_000
_AGAIN_S: Final = 1.0
_SOON_S: Final = 5.0
# Deletes at most `$2` states of counters whose period, budget or rule has ended. Returns the reached ones of budgets that go on,
# with the counter of their new period.
_FORGET: Final = """
WITH starts AS MATERIALIZED (
    SELECT c.cycle, extract(epoch FROM cycle_start(c.cycle, o.time_zone))::bigint AS start
      FROM organizations o CROSS JOIN unnest(ARRAY['NEVER', 'DAILY', 'WEEKLY', 'MONTHLY']) AS c (cycle) WHERE o.organization_id = $1
), present AS MATERIALIZED (
    SELECT r.scope_kind AS kind, r.scope_id AS id, '' AS models,
           concat_ws(':', r.scope_kind, r.scope_id, r.cycle, s.start, r.cycle_revision) AS counter
      FROM guardrails r JOIN starts s ON s.cycle = r.cycle WHERE r.organization_id = $1
    UNION ALL
    SELECT r.scope_kind, r.scope_id, m.models,
           concat_ws(':', r.scope_kind, r.scope_id, m.cycle, s.start, m.revision, nullif(m.models, ''))
      FROM guardrails r CROSS JOIN LATERAL model_budgets_of(r) m JOIN starts s ON s.cycle = m.cycle
     WHERE r.organization_id = $1 AND r.model_budgets <> '[]'
), known AS MATERIALIZED (
    SELECT s.rule_id, s.occasion, s.threshold, split_part(s.occasion, ':', 1) AS kind, split_part(s.occasion, ':', 2) AS id,
           split_part(s.occasion, ':', 6) AS models
      FROM alert_states s WHERE s.organization_id = $1
), ended AS MATERIALIZED (
    SELECT k.rule_id, k.occasion, k.threshold FROM known k
     WHERE k.kind IN ('organization', 'group', 'member', 'api_key')
       AND NOT EXISTS (SELECT FROM present p WHERE p.counter = k.occasion)
    UNION
    SELECT k.rule_id, k.occasion, k.threshold FROM known k
     WHERE k.kind = 'spend' AND split_part(k.occasion, ':', 4)::bigint < (SELECT start FROM starts WHERE cycle = 'MONTHLY')
    UNION
    SELECT k.rule_id, k.occasion, k.threshold FROM known k
     WHERE NOT EXISTS (SELECT FROM notification_rules r WHERE r.organization_id = $1 AND r.rule_id = k.rule_id)
    LIMIT $2
), deleted AS (
    DELETE FROM alert_states s USING ended e
     WHERE s.organization_id = $1 AND s.rule_id = e.rule_id AND s.occasion = e.occasion AND s.threshold = e.threshold
    RETURNING s.rule_id, s.occasion, s.is_reached
), gone AS (
    SELECT d.rule_id, split_part(d.occasion, ':', 1) AS kind, split_part(d.occasion, ':', 2) AS id,
           split_part(d.occasion, ':', 6) AS models, bool_or(d.is_reached) AS is_reached, count(*) AS states
      FROM deleted d GROUP BY 1, 2, 3, 4
)
SELECT g.rule_id, CASE WHEN g.is_reached THEN p.counter END AS counter,
       CASE WHEN g.is_reached THEN limit_of_counter($1, p.counter) END AS limit_nano_credits, g.states
  FROM gone g LEFT JOIN present p ON p.kind = g.kind AND p.id = g.id AND p.models = g.models
 ORDER BY 2, 1
"""


async def _find(view: View) -> Found:
    claimed = view.claimed
    if not claimed.is_look_due:
        # A change counts as one for some seconds, and comparing all states costs something.
        return Found(look_again_s=_SOON_S)
    rows = await view.connection.fetch(_FORGET, claimed.organization, MOST_PER_LOOK)
    is_more = sum(row["states"] for row in rows) >= MOST_PER_LOOK
    rules = {rule.rule_id: rule for rule in view.rules}
    rows = [row for row in rows if row["rule_id"] in rules and row["limit_nano_credits"] is not None]
    counters = {row["counter"]: Counter.decode(row["counter"]) for row in rows}
    found = await places(view, [one.scope for one in counters.values()])
    told: list[Told] = []
    for row in rows:
        counter = counters[row["counter"]]
        happening = Happening(
            BUDGET_RESET, "INFO", found[counter.scope], row["counter"],
            {"budget": budget_data(counter, row["limit_nano_credits"], claimed.zone)}, threshold="reset",
        )  # fmt: skip
        rule = rules[row["rule_id"]]
        if rule.speaks_of(happening.place):
            told.append((rule, happening))
    return Found(told, look_again_s=_AGAIN_S if is_more else None)


def _is_due(claimed: Claimed) -> bool:
    return claimed.has_changes or claimed.is_look_due


RESETS: Final = Source("resets", frozenset({BUDGET_RESET}), _is_due, _find, is_for_all=True)
