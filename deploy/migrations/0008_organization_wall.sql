-- A second wall between organizations (INV-12): a transaction of a service sees and writes the rows of the organizations it says
-- it acts for (`megarouter.organizations`, ids separated by commas), and nobody else's. Who says nothing sees nothing.
-- The owner is not subject to it: services take their roles, and what runs as the owner (triggers, the look-up below) is ours.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'megarouter_audit') THEN
        BEGIN
            CREATE ROLE megarouter_audit NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made by another database's migration just now
        END;
    END IF;
    GRANT megarouter_audit TO CURRENT_USER;
    GRANT USAGE ON SCHEMA public TO megarouter_audit;
END $$;

-- The audit reads the books and nothing that names or lets in a person.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO megarouter_audit;
REVOKE SELECT ON users, access_tokens, api_keys FROM megarouter_audit;

-- authz_service looks identities up by `identity_of_key`, and cannot list them.
REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM megarouter_authz;
GRANT SELECT ON providers, models, price_versions, holds, scope_spend, ledger_accounts, ledger_heads TO megarouter_authz;
-- Bearer tokens and hashes of keys are none of usage_service's.
REVOKE SELECT ON access_tokens, api_keys FROM megarouter_usage;

DO $$
DECLARE
    walled text;
    acts_for CONSTANT text :=
        $sql$ organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]) $sql$;
    acts_for_all CONSTANT text := $sql$ (SELECT current_setting('megarouter.organizations', true)) = '*' $sql$;
BEGIN
    FOR walled IN
        SELECT c.relname FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format(
            'CREATE POLICY organization_wall ON %I TO megarouter_authz, megarouter_usage, megarouter_admin USING (%s) WITH CHECK (%s)',
            walled, acts_for, acts_for);
        -- Sweeping and following all ledgers: reading and locking alone. A write still has to name its organizations.
        EXECUTE format('CREATE POLICY every_organization_read ON %I FOR SELECT TO megarouter_usage USING (%s)', walled, acts_for_all);
        EXECUTE format(
            'CREATE POLICY every_organization_lock ON %I FOR UPDATE TO megarouter_usage USING (%s) WITH CHECK (false)',
            walled, acts_for_all);
        EXECUTE format('CREATE POLICY audit_reads ON %I FOR SELECT TO megarouter_audit USING (true)', walled);
    END LOOP;
END $$;

-- A view reads with its owner's eyes unless told otherwise.
ALTER VIEW ledger_postings SET (security_invoker = true);

-- The one way from a key to whom it belongs: who has the hash of a secret learns the identity behind it, and nothing else.
-- Guardrails: [[scope kind, scope id, budget, cycle, revision, requests per minute, whitelist], ...].
CREATE FUNCTION identity_of_key(key_hash bytea)
RETURNS TABLE (
    organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s float8, member_active boolean,
    group_path text[], organization_active boolean, time_zone text, input_estimate text, guardrails jsonb
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.organization_id, k.api_key_id, k.member_id, k.state = 'ACTIVE', extract(epoch FROM k.expire_time)::float8,
           m.state = 'ACTIVE', coalesce(g.path, '{}'), o.state = 'ACTIVE', o.time_zone, o.input_estimate,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle,
                                                        r.cycle_revision, r.requests_per_minute, r.model_whitelist)), '[]')
              FROM guardrails r
             WHERE r.organization_id = k.organization_id
               AND ((r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id)
                    OR (r.scope_kind = 'member' AND r.scope_id = k.member_id)
                    OR (r.scope_kind = 'group' AND r.scope_id = ANY (g.path))
                    OR r.scope_kind = 'organization'))
      FROM api_keys k
      JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
      JOIN organizations o ON o.organization_id = k.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
     WHERE k.secret_hash = key_hash AND k.state <> 'DELETED'
$$;
REVOKE EXECUTE ON FUNCTION identity_of_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity_of_key(bytea) TO megarouter_authz;
