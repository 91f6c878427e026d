-- The keys that organizations have at providers themselves, sealed. An organization's calls carry its own key.
--
-- A row never changes, except for being sealed again and being live: each setting makes another one. So a file with the key, whose name
-- is the id, never changes either.
CREATE TABLE organization_provider_credentials (
    organization_id text NOT NULL REFERENCES organizations,
    provider_id     text NOT NULL REFERENCES providers,
    credential_id   text NOT NULL,
    sealed          bytea NOT NULL,
    fingerprint     text NOT NULL,
    set_by          text NOT NULL,
    set_time        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Whether calls carry it. Before, Envoys get its file.
    live            boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id, provider_id, credential_id)
);
CREATE UNIQUE INDEX organization_provider_credentials_by_id ON organization_provider_credentials (credential_id);
CREATE UNIQUE INDEX organization_provider_credentials_live ON organization_provider_credentials (organization_id, provider_id) WHERE live;
CALL divide_by_organization('organization_provider_credentials');

-- They are part of every identity of the organization, and Envoys need the files.
CREATE TRIGGER organization_provider_credentials_notify AFTER INSERT OR DELETE OR UPDATE ON organization_provider_credentials
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('organization');
CREATE CONSTRAINT TRIGGER organization_provider_credentials_revise_identities
    AFTER INSERT OR DELETE OR UPDATE ON organization_provider_credentials
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
CREATE TRIGGER organization_provider_credentials_notify_catalog AFTER INSERT OR DELETE OR UPDATE ON organization_provider_credentials
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();

-- The ids of an organization's live keys by provider; NULL if it has none.
CREATE FUNCTION own_credentials_of(organization text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT jsonb_object_agg(c.provider_id, c.credential_id) FROM organization_provider_credentials c
     WHERE c.organization_id = organization AND c.live
$$;

-- The sealed keys of all organizations, for the files that Envoys read, and for sealing them again with another key.
CREATE FUNCTION sealed_own_credentials()
RETURNS TABLE (organization_id text, provider_id text, credential_id text, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.organization_id, c.provider_id, c.credential_id, c.sealed FROM organization_provider_credentials c ORDER BY c.credential_id
$$;

-- Seals a key again, if it is still sealed as it was.
CREATE FUNCTION reseal_own_credential(of_credential text, before bytea, again bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE organization_provider_credentials SET sealed = again WHERE credential_id = of_credential AND sealed = before
$$;

CREATE OR REPLACE FUNCTION purged_tables() RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT ARRAY['organization_provider_credentials',
                 'usage_export_parts', 'usage_exports', 'delivery_attempts', 'notification_deliveries', 'held_alerts', 'open_incidents',
                 'inbox_entries', 'alert_states', 'alert_events', 'notification_rules', 'notification_channels', 'mail_preferences',
                 'outbox_messages', 'budget_events', 'call_ratings', 'stored_objects', 'anomaly_verdicts', 'usage_anomalies',
                 'anomaly_scopes', 'analysis_settings', 'routing_returns', 'routing_policies', 'virtual_models', 'guardrails',
                 'guardrail_defaults', 'sign_in_links', 'credentials', 'invites', 'scim_group_members', 'scim_groups', 'scim_users',
                 'claim_memberships', 'claim_mappings', 'api_keys', 'members', 'groups', 'key_counts', 'standings', 'usage_names']
$$;

-- Whether the call carried a key of the organization's own. NULL means no, as in records of before.
ALTER TABLE usage_records ADD COLUMN own_key boolean;
COMMENT ON COLUMN usage_records.own_key IS 'Whether the call carried the organization''s own key at the provider.';

-- As before, without calls that carried an own key: what becomes of them says nothing about others.
CREATE OR REPLACE FUNCTION provider_outcomes() RETURNS TABLE(provider_id text, answered_count bigint, failed_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.provider_id,
           count(*) FILTER (WHERE r.http_status BETWEEN 200 AND 299
                              AND r.detail IN ('completed', 'usage_omitted', 'invalid_usage', 'implausible_usage')),
           -- 401, 403 and 429 mean that the gateway's credential or quota is the problem, so its calls are not answered.
           count(*) FILTER (WHERE r.detail IN ('provider_timeout', 'provider_reset', 'provider_unavailable')
                               OR (r.detail = 'provider_error'
                                   AND (r.http_status IN (401, 403, 429) OR r.http_status NOT BETWEEN 400 AND 499)))
      FROM providers p
     CROSS JOIN LATERAL (SELECT u.http_status, u.detail FROM usage_records u
                          WHERE u.provider_id = p.provider_id AND u.settle_time > now() - interval '15 minutes' AND u.own_key IS NOT TRUE
                          ORDER BY u.settle_time DESC LIMIT 100) AS r
     GROUP BY p.provider_id
$$;
