-- When the purge of a deleted organization ended. What is left are its books.
ALTER TABLE organizations ADD COLUMN purged_time timestamptz,
    ADD CONSTRAINT only_deleted_are_purged CHECK (purged_time IS NULL OR state = 'DELETED');
CREATE INDEX organizations_to_purge ON organizations (purge_time) WHERE state = 'DELETED' AND purged_time IS NULL;

-- The tables that a purge empties, in an order in which no row is deleted before those that refer to it. The others are the books and
-- what the audit compares them with: the ledger, holds, records, corrections, rollups, and the audit log, which is append-only.
CREATE FUNCTION purged_tables() RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT ARRAY['usage_export_parts', 'usage_exports', 'delivery_attempts', 'notification_deliveries', 'held_alerts', 'open_incidents',
                 'inbox_entries', 'alert_states', 'alert_events', 'notification_rules', 'notification_channels', 'mail_preferences',
                 'outbox_messages', 'budget_events', 'call_ratings', 'stored_objects', 'anomaly_verdicts', 'usage_anomalies',
                 'anomaly_scopes', 'analysis_settings', 'routing_returns', 'routing_policies', 'virtual_models', 'guardrails',
                 'guardrail_defaults', 'sign_in_links', 'credentials', 'invites', 'scim_group_members', 'scim_groups', 'scim_users',
                 'claim_memberships', 'claim_mappings', 'api_keys', 'members', 'groups', 'key_counts', 'standings', 'usage_names']
$$;

-- Nor with a personal account, nor one who operated: what operators did must not lose its author.
CREATE FUNCTION is_without_another_organization(of_user text, than text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT NOT EXISTS (SELECT FROM members m WHERE m.user_id = of_user AND m.organization_id <> than)
       AND NOT EXISTS (SELECT FROM users u WHERE u.user_id = of_user AND u.personal_organization_id IS NOT NULL)
       AND NOT EXISTS (SELECT FROM operator_audit_log a WHERE a.user_id = of_user)
$$;

-- Deletes up to `at_most` rows of each table of one organization whose purge is due and which no one else purges. Returns which one,
-- or NULL if none is due. The call that finds nothing more takes the organization's name, and ends the purge.
--
-- Users without another organization lose address, name, identities and tokens. Their ids stay, for the books name them.
CREATE FUNCTION purge_deleted_organization(at_most integer, OUT organization_id text, OUT has_ended boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    organization text;
    purged_table text;
    deleted bigint;
    total bigint := 0;
BEGIN
    SELECT o.organization_id INTO organization FROM organizations o
     WHERE o.state = 'DELETED' AND o.purged_time IS NULL AND o.purge_time <= now()
     ORDER BY o.purge_time LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF organization IS NULL THEN
        RETURN;
    END IF;
    -- Before the members go, who lead to them.
    UPDATE users u SET email = NULL, display_name = '', current_organization_id = NULL
      FROM members m
     WHERE m.organization_id = organization AND m.user_id = u.user_id AND is_without_another_organization(u.user_id, organization);
    DELETE FROM user_identities i USING members m
     WHERE m.organization_id = organization AND m.user_id = i.user_id AND is_without_another_organization(i.user_id, organization);
    UPDATE access_tokens t SET revoke_time = coalesce(t.revoke_time, now()), display_name = '' FROM members m
     WHERE m.organization_id = organization AND m.user_id = t.user_id AND is_without_another_organization(t.user_id, organization);
    FOREACH purged_table IN ARRAY purged_tables() LOOP
        -- Rows of these refer to each other, so they go at once. They are few.
        IF purged_table IN ('groups', 'usage_anomalies', 'notification_rules') THEN
            EXECUTE format('DELETE FROM %I WHERE organization_id = $1', purged_table) USING organization;
        ELSE
            EXECUTE format('DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE organization_id = $1 LIMIT $2))', purged_table)
              USING organization, at_most;
        END IF;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        total := total + deleted;
        -- What is left may refer to the tables that follow.
        EXIT WHEN deleted >= at_most;
    END LOOP;
    IF total = 0 THEN
        UPDATE access_tokens SET revoke_time = coalesce(revoke_time, now()), display_name = '' WHERE only_organization_id = organization;
        DELETE FROM user_identities WHERE only_organization_id = organization;
        UPDATE users SET current_organization_id = NULL WHERE current_organization_id = organization;
        UPDATE organizations SET purged_time = now(), display_name = organization_id, billing_email = NULL, update_time = now()
         WHERE organization_id = organization;
    END IF;
    purge_deleted_organization.organization_id := organization;
    purge_deleted_organization.has_ended := total = 0;
END $$;
