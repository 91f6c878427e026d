-- How hard the budgets of an organization are: STRICT reserves the most that a call can cost, BALANCED what it is expected to cost.
ALTER TABLE organizations ADD COLUMN budget_mode text NOT NULL DEFAULT 'STRICT' CHECK (budget_mode IN ('STRICT', 'BALANCED'));

DROP FUNCTION identity_of_key(bytea);

-- Returns the identity of a key to a caller that has the hash of either secret. There is no other way from a key to its owner.
-- Guardrails: [[scope kind, scope id, budget, cycle, revision, requests per minute, whitelist, mode, tokens per minute, concurrency
-- limit, rate rules], ...].
CREATE FUNCTION identity_of_key(key_hash bytea)
RETURNS TABLE (
    organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s float8, member_active boolean,
    group_path text[], organization_active boolean, time_zone text, input_estimate text, budget_mode text, guardrails jsonb,
    secret_replaced boolean, ip_allow_list text[], revision bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.organization_id, k.api_key_id, k.member_id, k.state = 'ACTIVE',
           extract(epoch FROM least(k.expire_time, CASE WHEN found.replaced THEN k.previous_expire_time END))::float8,
           m.state = 'ACTIVE', coalesce(g.path, '{}'), o.state = 'ACTIVE', o.time_zone, o.input_estimate, o.budget_mode,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle,
                                                        r.cycle_revision, r.requests_per_minute, r.model_whitelist, r.mode,
                                                        r.tokens_per_minute, r.concurrency_limit, r.rate_rules)), '[]')
              FROM guardrails r
             WHERE r.organization_id = k.organization_id
               AND ((r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id)
                    OR (r.scope_kind = 'member' AND r.scope_id = k.member_id)
                    OR (r.scope_kind = 'group' AND r.scope_id = ANY (g.path))
                    OR r.scope_kind = 'organization')),
           found.replaced, k.ip_allow_list::text[],
           coalesce((SELECT v.revision FROM identity_revisions v WHERE v.organization_id = k.organization_id), 0)
      FROM (SELECT c.organization_id, c.api_key_id, false AS replaced FROM api_keys c WHERE c.secret_hash = key_hash
            UNION ALL
            SELECT p.organization_id, p.api_key_id, true FROM api_keys p WHERE p.previous_secret_hash = key_hash
            LIMIT 1) AS found
      JOIN api_keys k ON k.organization_id = found.organization_id AND k.api_key_id = found.api_key_id
      JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
      JOIN organizations o ON o.organization_id = k.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
     WHERE k.state <> 'DELETED'
$$;
