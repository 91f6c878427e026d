-- Identities are kept in memory for as long as nothing of their organization changes, and whether something did is one number for all
-- its keys: who remembers ten thousand identities of an organization reads one row to know that they still stand.

-- No row: nothing was changed since this table is here. A row outlives its organization, so that no number ever means two states.
CREATE TABLE identity_revisions (
    organization_id      text PRIMARY KEY,
    revision             bigint NOT NULL,
    -- The transaction that made it: however many rows a transaction changes, it makes one revision.
    change_xid           xid8 NOT NULL
);
ALTER TABLE identity_revisions ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_wall ON identity_revisions TO megarouter_authz, megarouter_usage, megarouter_admin
    USING (organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]))
    WITH CHECK (organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]));

-- The row's lock makes revisions follow each other in the order of their commits. Who listens has been told of the changes themselves
-- before: notifications of one transaction come in the order in which they were made.
CREATE FUNCTION revise_identities(organization text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    reached bigint;
BEGIN
    PERFORM FROM identity_revisions v WHERE v.organization_id = organization AND v.change_xid = pg_current_xact_id();
    IF FOUND THEN RETURN; END IF;
    INSERT INTO identity_revisions AS v VALUES (organization, 1, pg_current_xact_id())
        ON CONFLICT (organization_id) DO UPDATE SET revision = v.revision + 1, change_xid = excluded.change_xid
        RETURNING v.revision INTO reached;
    PERFORM pg_notify('megarouter_identity_revision', organization || ' ' || reached);
END $$;
REVOKE EXECUTE ON FUNCTION revise_identities(text) FROM PUBLIC;

CREATE FUNCTION revise_identities_of_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM revise_identities(OLD.organization_id); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM revise_identities(NEW.organization_id); END IF;
    RETURN NULL;
END $$;

-- Told to nobody, so that whoever compares finds changes that it has not heard of.
CREATE FUNCTION revise_all_identities() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
    RETURN NULL;
END $$;

-- Deferred to the commit: taken any earlier, the lock would have transactions that change different rows wait for each other, and
-- perhaps in a circle.
DO $$
DECLARE
    changed text;
BEGIN
    FOREACH changed IN ARRAY ARRAY['organizations', 'groups', 'members', 'api_keys', 'guardrails'] LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER %1$s_revise_identities AFTER INSERT OR UPDATE OR DELETE ON %1$s'
                       ' DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row()', changed);
        EXECUTE format('CREATE TRIGGER %1$s_revise_all_identities AFTER TRUNCATE ON %1$s'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION revise_all_identities()', changed);
    END LOOP;
END $$;

-- Numbers, and nothing of what they are of. An organization that nothing was changed of is left out.
CREATE FUNCTION identity_revisions_of(organizations text[])
RETURNS TABLE (organization_id text, revision bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT v.organization_id, v.revision FROM identity_revisions v WHERE v.organization_id = ANY (organizations)
$$;
REVOKE EXECUTE ON FUNCTION identity_revisions_of(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity_revisions_of(text[]) TO megarouter_authz;

-- As before, with the revision that it is a part of.
DROP FUNCTION identity_of_key(bytea);
CREATE FUNCTION identity_of_key(key_hash bytea)
RETURNS TABLE (
    organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s float8, member_active boolean,
    group_path text[], organization_active boolean, time_zone text, input_estimate text, guardrails jsonb, secret_replaced boolean,
    ip_allow_list text[], revision bigint
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
REVOKE EXECUTE ON FUNCTION identity_of_key(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity_of_key(bytea) TO megarouter_authz, megarouter_admin;
