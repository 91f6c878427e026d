-- What operators did, for operators. And indexes for lists in the order of creation.

-- The entries that concern an organization are in its own log too. No row is ever changed or deleted.
CREATE TABLE operator_audit_log (
    sequence             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time          timestamptz NOT NULL DEFAULT now(),
    -- NULL: nobody called, because a setting of the deployment made the change.
    user_id              text REFERENCES users,
    access_token_id      text,
    -- `package.Service/Method`.
    method               text NOT NULL,
    -- NULL if the change concerns the whole deployment.
    concerned_organization_id text REFERENCES organizations,
    resource_name        text NOT NULL,
    before               jsonb,
    after                jsonb,
    request_id           text NOT NULL DEFAULT '',
    call_id              text NOT NULL DEFAULT '',
    address              text NOT NULL DEFAULT '',
    issuer               text NOT NULL DEFAULT ''
);
CREATE INDEX operator_audit_log_by_organization ON operator_audit_log (concerned_organization_id, sequence);
CREATE INDEX operator_audit_log_by_user ON operator_audit_log (user_id, sequence);
CREATE TRIGGER operator_audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change();

-- As `organization_summaries(NULL)`, but only the first rows after one, by id, without computing the others.
CREATE FUNCTION organization_summaries_after(last_organization text, most bigint)
RETURNS TABLE (organization_id text, display_name text, kind text, state text, is_blocked boolean, balance_nano_credits bigint,
               topped_up_nano_credits bigint, adjusted_nano_credits bigint, spent_nano_credits bigint, line_nano_credits bigint,
               used_nano_credits bigint, pending_request_count bigint, create_time timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.* FROM (SELECT o.organization_id FROM organizations o WHERE o.organization_id > last_organization
                      ORDER BY o.organization_id LIMIT most) AS page
     CROSS JOIN LATERAL organization_summaries(page.organization_id) s
     ORDER BY s.organization_id
$$;

CREATE INDEX members_by_creation ON members (organization_id, create_time, member_id)
    WHERE state <> 'REMOVED' AND user_id IS NOT NULL;
CREATE INDEX members_below_1_by_creation ON members (organization_id, (group_path[1]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[1] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX members_below_2_by_creation ON members (organization_id, (group_path[2]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[2] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX members_below_3_by_creation ON members (organization_id, (group_path[3]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[3] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX members_below_4_by_creation ON members (organization_id, (group_path[4]), create_time, member_id)
    WHERE state <> 'REMOVED' AND group_path[4] IS NOT NULL AND user_id IS NOT NULL;
CREATE INDEX api_keys_by_creation ON api_keys (organization_id, create_time, api_key_id) WHERE state <> 'DELETED';
CREATE INDEX api_keys_below_1_by_creation ON api_keys (organization_id, (group_path[1]), create_time, api_key_id)
    WHERE state <> 'DELETED' AND group_path[1] IS NOT NULL;
CREATE INDEX api_keys_below_2_by_creation ON api_keys (organization_id, (group_path[2]), create_time, api_key_id)
    WHERE state <> 'DELETED' AND group_path[2] IS NOT NULL;
CREATE INDEX api_keys_below_3_by_creation ON api_keys (organization_id, (group_path[3]), create_time, api_key_id)
    WHERE state <> 'DELETED' AND group_path[3] IS NOT NULL;
CREATE INDEX api_keys_below_4_by_creation ON api_keys (organization_id, (group_path[4]), create_time, api_key_id)
    WHERE state <> 'DELETED' AND group_path[4] IS NOT NULL;
