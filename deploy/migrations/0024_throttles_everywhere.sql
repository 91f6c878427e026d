-- Groups and organizations are limited in tokens per minute and calls at once too. Every scope may have limits of other spans than
-- a minute, and of some models alone.
ALTER TABLE guardrails
    DROP CONSTRAINT throttles_members_and_keys,
    -- [[models (an entry of a whitelist, '' for all), unit, requests or null, tokens or null], ...]
    ADD COLUMN rate_rules jsonb NOT NULL DEFAULT '[]'
        CHECK (jsonb_typeof(rate_rules) = 'array' AND jsonb_array_length(rate_rules) <= 16);

-- As before, with the rate rules at the end of each guardrail.
CREATE OR REPLACE FUNCTION identity_of_key(key_hash bytea)
RETURNS TABLE (
    organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s float8, member_active boolean,
    group_path text[], organization_active boolean, time_zone text, input_estimate text, guardrails jsonb, secret_replaced boolean,
    ip_allow_list text[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.organization_id, k.api_key_id, k.member_id, k.state = 'ACTIVE',
           extract(epoch FROM least(k.expire_time, CASE WHEN found.replaced THEN k.previous_expire_time END))::float8,
           m.state = 'ACTIVE', coalesce(g.path, '{}'), o.state = 'ACTIVE', o.time_zone, o.input_estimate,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle,
                                                        r.cycle_revision, r.requests_per_minute, r.model_whitelist, r.mode,
                                                        r.tokens_per_minute, r.concurrency_limit, r.rate_rules)), '[]')
              FROM guardrails r
             WHERE r.organization_id = k.organization_id
               AND ((r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id)
                    OR (r.scope_kind = 'member' AND r.scope_id = k.member_id)
                    OR (r.scope_kind = 'group' AND r.scope_id = ANY (g.path))
                    OR r.scope_kind = 'organization')),
           found.replaced, k.ip_allow_list::text[]
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
