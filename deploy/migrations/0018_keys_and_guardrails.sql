-- API keys and guardrails as members and admins change them.

ALTER TABLE guardrails
    -- Last part of its resource name, and the order of lists.
    ADD COLUMN guardrail_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        CASE scope_kind WHEN 'organization' THEN 'organization'
                        WHEN 'api_key' THEN 'apikey-' || scope_id
                        ELSE scope_kind || '-' || scope_id END) STORED;
CREATE INDEX guardrails_by_name ON guardrails (organization_id, guardrail_id);

-- What a scope has used in the present cycle of its budget; without a guardrail, in all. The counter is the one that calls of now
-- settle to.
CREATE FUNCTION present_use(organization text, of_kind text, of_id text)
RETURNS TABLE (
    period_start_time timestamptz, time_zone text, spent_nano_credits bigint, held_nano_credits bigint, call_count bigint,
    shadow_refusal_count bigint
)
LANGUAGE sql STABLE AS $$
    SELECT p.start, p.time_zone, coalesce(s.settled_nano_credits, 0),
           (SELECT coalesce(sum(h.amount_nano_credits), 0)::bigint FROM holds h
             WHERE h.state = 'HELD' AND h.organization_id = organization AND h.counters @> ARRAY[p.counter]),
           coalesce(s.call_count, 0), coalesce(s.shadow_refusal_count, 0)
      FROM (SELECT q.time_zone, q.start,
                   concat_ws(':', of_kind, of_id, q.cycle, extract(epoch FROM q.start)::bigint, q.cycle_revision) AS counter
              FROM (SELECT o.time_zone, coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS cycle_revision,
                           cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone) AS start
                      FROM organizations o
                      LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = of_kind AND r.scope_id = of_id
                     WHERE o.organization_id = organization) AS q) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;
