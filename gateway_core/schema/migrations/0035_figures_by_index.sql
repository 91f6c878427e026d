-- Figures of one scope are found by an index, however many counters an organization has.
--
-- Behind row-level security, PostgreSQL uses an index only for conditions that leak nothing. A comparison with a counter's name that
-- is computed in the join is none of them, so each row of a list read all counters of its organization. OFFSET 0 has the name
-- computed before the join, and the comparison of two texts leaks nothing. Where a function returns the rows to join, PostgreSQL
-- expects more of them than there are and would read all counters at once, so each is looked up by itself.
CREATE OR REPLACE FUNCTION present_spend(text, text, text)
RETURNS TABLE (spent_nano_credits bigint, budget_nano_credits bigint, carried_nano_credits bigint)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(s.settled_nano_credits, 0), p.budget_nano_credits,
           CASE WHEN p.rollover IS NULL THEN 0 ELSE present_carry($1, $2, $3) END
      FROM (SELECT r.budget_nano_credits, r.rollover,
                   concat_ws(':', $2, $3, coalesce(r.cycle, 'NEVER'),
                             extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone))::bigint,
                             coalesce(r.cycle_revision, 0)) AS counter
              FROM organizations o
              LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = $2 AND r.scope_id = $3
             WHERE o.organization_id = $1 OFFSET 0) AS p
      LEFT JOIN scope_spend s ON s.organization_id = $1 AND s.counter = p.counter
$$;

CREATE OR REPLACE FUNCTION present_use(organization text, of_kind text, of_id text)
RETURNS TABLE (period_start_time timestamptz, time_zone text, spent_nano_credits bigint, held_nano_credits bigint, call_count bigint,
               shadow_refusal_count bigint)
LANGUAGE sql STABLE AS $$
    SELECT greatest(p.start, p.reset_time), p.time_zone, coalesce(s.settled_nano_credits, 0),
           (SELECT coalesce(sum(h.amount_nano_credits), 0)::bigint FROM holds h
             WHERE h.state = 'HELD' AND h.organization_id = organization AND h.counters @> ARRAY[p.counter]),
           coalesce(s.call_count, 0), coalesce(s.shadow_refusal_count, 0)
      FROM (SELECT q.time_zone, q.start, q.reset_time,
                   concat_ws(':', of_kind, of_id, q.cycle, extract(epoch FROM q.start)::bigint, q.cycle_revision) AS counter
              FROM (SELECT o.time_zone, coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS cycle_revision,
                           cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone) AS start, r.reset_time
                      FROM organizations o
                      LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = of_kind AND r.scope_id = of_id
                     WHERE o.organization_id = organization) AS q OFFSET 0) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;

CREATE OR REPLACE FUNCTION present_standing(organization text, of_kind text, of_id text)
RETURNS TABLE (cycle text, revision bigint, period_start bigint, spent_nano_credits bigint, call_count bigint)
LANGUAGE sql STABLE AS $$
    SELECT p.cycle, p.revision, CASE WHEN s.counter IS NULL THEN 0 ELSE p.start END, coalesce(s.settled_nano_credits, 0),
           coalesce(s.call_count, 0)
      FROM (SELECT q.cycle, q.revision, q.start, concat_ws(':', of_kind, of_id, q.cycle, q.start, q.revision) AS counter
              FROM (SELECT g.cycle, g.revision,
                           CASE g.cycle WHEN 'NEVER' THEN 0 ELSE extract(epoch FROM cycle_start(g.cycle, g.time_zone))::bigint END
                               AS start
                      FROM (SELECT coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS revision, o.time_zone
                              FROM organizations o
                              LEFT JOIN guardrails r ON r.organization_id = organization AND r.scope_kind = of_kind
                                                    AND r.scope_id = of_id
                             WHERE o.organization_id = organization) AS g) AS q OFFSET 0) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;

CREATE OR REPLACE FUNCTION present_model_use(organization text, of_kind text, of_id text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(p.entry, jsonb_build_array(
               coalesce((SELECT s.settled_nano_credits FROM scope_spend s WHERE s.organization_id = organization AND s.counter = p.counter), 0),
               (SELECT coalesce(sum(h.amount_nano_credits), 0)::bigint FROM holds h
                 WHERE h.state = 'HELD' AND h.organization_id = organization AND h.counters @> ARRAY[p.counter]),
               CASE WHEN p.carries THEN present_carry(organization, of_kind, of_id, p.models) ELSE 0 END,
               extract(epoch FROM p.start)::bigint)), '{}')
      FROM (SELECT b.entry, b.models, b.options ? 'rollover' AS carries, c.start,
                   counter_name(of_kind, of_id, b.cycle, c.start, b.revision, b.models) AS counter
              FROM guardrails r
              JOIN organizations o ON o.organization_id = r.organization_id
             CROSS JOIN LATERAL model_budgets_of(r) b
             CROSS JOIN LATERAL (SELECT cycle_start(b.cycle, o.time_zone) AS start) AS c
             WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id OFFSET 0) AS p
$$;

CREATE OR REPLACE FUNCTION present_carry(organization text, of_kind text, of_id text, of_models text DEFAULT '') RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT carried_of(organization, t.base, t.cap, p.previous)
          FROM (SELECT counter_name(of_kind, of_id, b.cycle, b.start, b.revision, of_models) AS counter,
                       counter_name(of_kind, of_id, b.cycle, cycle_start_at(b.cycle, b.time_zone, b.start - interval '1 second'),
                                    b.revision, of_models) AS next_previous,
                       b.*
                  FROM (SELECT d.*, o.time_zone, cycle_start(d.cycle, o.time_zone) AS start
                          FROM guardrails r
                          JOIN organizations o ON o.organization_id = r.organization_id
                         CROSS JOIN LATERAL rollover_budgets(r) d
                         WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id
                           AND d.models = of_models) AS b OFFSET 0) AS n
          LEFT JOIN LATERAL (SELECT * FROM budget_carries WHERE organization_id = organization AND counter = n.counter OFFSET 0) AS c
                 ON true
         CROSS JOIN LATERAL (SELECT CASE WHEN c.counter IS NULL THEN n.next_previous ELSE c.previous END AS previous) AS p
         CROSS JOIN LATERAL carry_terms(organization, n.counter, n.next_previous) t), 0)
$$;

-- Returns when a key was last used, in any cycle; NULL if never. As its owner, because the index of counters by key is for a part of
-- their names, which row-level security does not let an index find. The wall is its first condition.
CREATE FUNCTION last_use_of_api_key(organization text, of_api_key text) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT max(s.last_use_time)
      FROM scope_spend s
     WHERE organization = ANY (string_to_array(current_setting('megarouter.organizations', true), ','))
       AND s.organization_id = organization AND s.counter LIKE 'api\_key:%' AND split_part(s.counter, ':', 2) = of_api_key
$$;
