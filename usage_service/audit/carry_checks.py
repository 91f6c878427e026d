"""Checks of what budgets carried over."""

from typing import Final

from usage_service.audit.check import Check

CARRIES_ARE_RECOMPUTED: Final = Check(
    "carries-are-recomputed",
    "INV-05",
    "a period began with its budget and what the period before had left at that moment, capped",
    ("budget_carries",),
    """
    WITH chain AS MATERIALIZED (
        -- Each period with the latest one before it of the same revision. `idle` is how many are missing in between.
        SELECT c.*, p.counter AS last_counter, p.base_nano_credits AS last_base, p.cap_nano_credits AS last_cap,
               p.previous AS last_previous,
               round((c.period_start - p.period_start) / CASE split_part(c.counter, ':', 3) WHEN 'DAILY' THEN 86400.0
                     WHEN 'WEEKLY' THEN 604800.0 ELSE 2629746.0 END) - 1 AS idle
          FROM budget_carries c
          LEFT JOIN LATERAL (
                SELECT * FROM budget_carries b
                 WHERE b.organization_id = c.organization_id AND b.budget = c.budget AND b.lineage = c.lineage
                   AND b.revision = c.revision AND b.period_start < c.period_start ORDER BY b.period_start DESC LIMIT 1) p ON true
    ), wanted AS MATERIALIZED (
        SELECT organization_id, last_previous AS counter, opened_sequence FROM chain
         WHERE budget_nano_credits IS NOT NULL AND last_previous IS NOT NULL
        UNION
        SELECT organization_id, last_counter, opened_sequence FROM chain WHERE budget_nano_credits IS NOT NULL AND idle > 0
    ), counters AS MATERIALIZED (SELECT array_agg(DISTINCT counter) AS names FROM wanted
    ), charges AS MATERIALIZED (
        -- Every charge and correction by counter, and how long each call held what it held.
        SELECT e.organization_id, counter, e.sequence, e.amount, 0::bigint AS held
          FROM counters n,
               LATERAL (
                SELECT organization_id, sequence, charge_nano_credits AS amount,
                       counters || coalesce(later_counters, '{}') AS counters
                  FROM usage_records WHERE counters && n.names OR later_counters && n.names
                UNION ALL
                SELECT u.organization_id, c.sequence, c.delta_nano_credits, u.counters || coalesce(c.later_counters, '{}')
                  FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
                 WHERE u.counters && n.names OR c.later_counters && n.names) e,
               unnest(e.counters) AS counter
        UNION ALL
        SELECT h.organization_id, counter, coalesce(u.sequence, 9223372036854775807), 0, h.amount_nano_credits
          FROM counters n, holds h LEFT JOIN usage_records u ON u.hold_id = h.hold_id, unnest(h.counters) AS counter
         WHERE h.counters && n.names
    ), used AS MATERIALIZED (
        -- What a counter had spent at the sequence number, and at most held.
        SELECT w.organization_id, w.counter, w.opened_sequence,
               coalesce(s.carried_nano_credits, 0)
                   + coalesce(sum(c.amount) FILTER (WHERE c.sequence <= w.opened_sequence), 0) AS spent,
               coalesce(sum(c.held) FILTER (WHERE c.sequence > w.opened_sequence), 0) AS held
          FROM wanted w
          LEFT JOIN scope_spend s ON s.organization_id = w.organization_id AND s.counter = w.counter
          LEFT JOIN charges c ON c.organization_id = w.organization_id AND c.counter = w.counter
         GROUP BY w.organization_id, w.counter, w.opened_sequence, s.carried_nano_credits
    ), recomputed AS (
        SELECT k.*, CASE WHEN k.idle = 0 THEN before.low
                         ELSE least(k.cap_nano_credits, greatest(0, k.budget_nano_credits + before.low - l.spent - l.held)
                                                        + (k.idle - 1) * k.budget_nano_credits) END AS low,
               CASE WHEN k.idle = 0 THEN before.high
                    ELSE least(k.cap_nano_credits, greatest(0, k.budget_nano_credits + before.high - l.spent)
                                                   + (k.idle - 1) * k.budget_nano_credits) END AS high
          FROM chain k
          LEFT JOIN used p
            ON (p.organization_id, p.counter, p.opened_sequence) = (k.organization_id, k.last_previous, k.opened_sequence)
          LEFT JOIN used l
            ON (l.organization_id, l.counter, l.opened_sequence) = (k.organization_id, k.last_counter, k.opened_sequence),
               LATERAL (SELECT least(k.last_cap, greatest(0, k.last_base - coalesce(p.spent + p.held, 0))) AS low,
                               least(k.last_cap, greatest(0, k.last_base - coalesce(p.spent, 0))) AS high) before
         WHERE k.budget_nano_credits IS NOT NULL
    )
    SELECT organization_id, 'counter ' || counter,
           format('began with %s, of it %s of the periods before; recomputed %s', base_nano_credits,
                  base_nano_credits - budget_nano_credits,
                  CASE WHEN low = high THEN high::text ELSE format('%s to %s', low, high) END)
      FROM recomputed
     WHERE (base_nano_credits BETWEEN least(budget_nano_credits + low, 9223372036854775807)
                                  AND least(budget_nano_credits + high, 9223372036854775807)) IS NOT TRUE
    UNION ALL
    -- A period without one before it begins with nothing, or with at most what a change of the time zone kept.
    SELECT k.organization_id, 'counter ' || k.counter,
           format('began with %s; before it were at most %s', k.base_nano_credits, coalesce(kept.most, 0))
      FROM chain k,
           LATERAL (SELECT max(least(b.cap_nano_credits, b.base_nano_credits)) AS most FROM budget_carries b
                     WHERE b.organization_id = k.organization_id AND b.budget = k.budget AND b.lineage = k.lineage
                       AND b.revision < k.revision) kept
     WHERE k.last_counter IS NULL AND k.base_nano_credits > coalesce(kept.most, 0)
    """,
)
