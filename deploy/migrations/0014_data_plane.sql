-- What the data plane obeys beyond budgets: whitelist patterns, addresses, two secrets of one key, shadow guardrails, tokens per
-- minute, calls at once. And what it leaves behind for admins: last uses, and what shadow guardrails would have refused.

ALTER TABLE api_keys
    -- Networks that calls with this key may come from; NULL allows every address, an empty array none.
    ADD COLUMN ip_allow_list        cidr[] CHECK (cardinality(ip_allow_list) <= 100),
    -- After a rotation the secret of before is good until its time is over. There is place for one: a key never has three.
    ADD COLUMN previous_secret_hash bytea UNIQUE CHECK (length(previous_secret_hash) = 32),
    ADD COLUMN previous_expire_time timestamptz,
    -- Who disabled the key and when, while it is disabled.
    ADD COLUMN disabled_by_member   text,
    ADD COLUMN disabled_time        timestamptz,
    ADD CONSTRAINT previous_secret_has_an_end CHECK ((previous_secret_hash IS NULL) = (previous_expire_time IS NULL)),
    ADD CONSTRAINT two_secrets CHECK (previous_secret_hash <> secret_hash);

ALTER TABLE guardrails
    -- SHADOW: counts, and reports what it would have refused, but lets every call pass.
    ADD COLUMN mode              text NOT NULL DEFAULT 'ENFORCE' CHECK (mode IN ('ENFORCE', 'SHADOW')),
    ADD COLUMN tokens_per_minute bigint CHECK (tokens_per_minute BETWEEN 0 AND 1000000000000),
    ADD COLUMN concurrency_limit integer CHECK (concurrency_limit >= 0),
    ADD CONSTRAINT throttles_members_and_keys CHECK (
        scope_kind IN ('member', 'api_key') OR (tokens_per_minute IS NULL AND concurrency_limit IS NULL)),
    ADD CONSTRAINT whitelist_is_bounded CHECK (cardinality(model_whitelist) <= 200);
COMMENT ON COLUMN guardrails.model_whitelist IS
    'public model names, prefixes (openai/*), provider classes (provider:openai); NULL allows all, an empty array none';

ALTER TABLE scope_spend
    -- Admitted calls that the scope's guardrail would have refused, had it not been in shadow mode.
    ADD COLUMN shadow_refusal_count bigint NOT NULL DEFAULT 0 CHECK (shadow_refusal_count >= 0),
    -- When the last call that reached a provider was admitted.
    ADD COLUMN last_use_time        timestamptz;

-- Counters of keys by the key, for whoever shows keys. No settlement changes an indexed column.
CREATE INDEX scope_spend_by_api_key ON scope_spend (organization_id, split_part(counter, ':', 2)) WHERE counter LIKE 'api\_key:%';

-- What each key did, in all its cycles together.
CREATE VIEW api_key_usage WITH (security_invoker = true) AS
    SELECT organization_id, split_part(counter, ':', 2) AS api_key_id, max(last_use_time) AS last_use_time
      FROM scope_spend WHERE counter LIKE 'api\_key:%'
     GROUP BY 1, 2;
GRANT SELECT ON api_key_usage TO megarouter_admin;

-- Names of the throttles that admitted the call (kind:scope kind:scope id); NULL for none.
ALTER TABLE usage_records ADD COLUMN throttles text[];

-- As before, and by either secret of a key. Guardrails: [[scope kind, scope id, budget, cycle, revision, requests per minute,
-- whitelist, mode, tokens per minute, concurrency limit], ...].
DROP FUNCTION identity_of_key(bytea);
CREATE FUNCTION identity_of_key(key_hash bytea)
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
                                                        r.tokens_per_minute, r.concurrency_limit)), '[]')
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
REVOKE EXECUTE ON FUNCTION identity_of_key(bytea) FROM PUBLIC;
-- admin_service explains decisions; it reads hashes of keys behind the wall alone.
GRANT EXECUTE ON FUNCTION identity_of_key(bytea) TO megarouter_authz, megarouter_admin;
