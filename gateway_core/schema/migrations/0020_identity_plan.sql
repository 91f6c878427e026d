-- Reads a key by its hash alone, and the guardrails of its identity by their primary key, one scope after the other. With a join of the
-- keys with themselves, and one condition with OR for all scopes, the lookup read every key and guardrail of an organization until the
-- statistics were fresh, as after an import of thousands of keys.

CREATE OR REPLACE FUNCTION identity_of_key(key_hash bytea)
RETURNS TABLE (
    organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s float8, member_active boolean,
    group_path text[], organization_active boolean, time_zone text, input_estimate text, budget_mode text, guardrails jsonb,
    secret_replaced boolean, ip_allow_list text[], revision bigint, more_limits jsonb
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.organization_id, k.api_key_id, k.member_id, k.state = 'ACTIVE',
           extract(epoch FROM least(k.expire_time, CASE WHEN k.replaced THEN k.previous_expire_time END))::float8,
           m.state = 'ACTIVE', coalesce(g.path, '{}'), o.state = 'ACTIVE', o.time_zone, o.input_estimate, o.budget_mode,
           coalesce(above.guardrails, '[]'), k.replaced, k.ip_allow_list::text[],
           coalesce((SELECT v.revision FROM identity_revisions v WHERE v.organization_id = k.organization_id), 0),
           above.more_limits
      FROM (SELECT c.*, false AS replaced FROM api_keys c WHERE c.secret_hash = key_hash
            UNION ALL
            SELECT p.*, true FROM api_keys p WHERE p.previous_secret_hash = key_hash
            LIMIT 1) AS k
      JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
      JOIN organizations o ON o.organization_id = k.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
     CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle, r.cycle_revision,
                                           r.requests_per_minute, r.model_whitelist, r.mode, r.tokens_per_minute,
                                           r.concurrency_limit, r.rate_rules)) AS guardrails,
               jsonb_object_agg(r.scope_kind || ':' || r.scope_id, r.more) FILTER (WHERE r.more IS NOT NULL) AS more_limits
          FROM (SELECT 'api_key' AS kind, k.api_key_id AS id
                UNION ALL SELECT 'member', k.member_id
                UNION ALL SELECT 'group', unnest(g.path)
                UNION ALL SELECT 'organization', k.organization_id) AS scope
         -- OFFSET 0 keeps one lookup for each scope, whatever the statistics say.
         CROSS JOIN LATERAL (
            SELECT w.*, CASE WHEN num_nonnulls(w.temporary_limit, w.soft_budget, w.rollover) > 0 OR w.model_budgets <> '[]'
                             THEN more_limits_of(w.temporary_limit, w.soft_budget, w.model_budgets, w.rollover) END AS more
              FROM guardrails w
             WHERE w.organization_id = k.organization_id AND w.scope_kind = scope.kind AND w.scope_id = scope.id
            OFFSET 0) AS r) AS above
     WHERE k.state <> 'DELETED'
$$;
