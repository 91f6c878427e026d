-- At which times admin_service starts which exports.
CREATE TABLE export_schedules (
    organization_id text NOT NULL REFERENCES organizations,
    schedule_id     text NOT NULL,
    -- Who created it, `users/ID` or `credentials/ID`. No one else sees it, and its exports are theirs.
    requester       text NOT NULL,
    user_id         text NOT NULL,
    -- The role of the requester when they created or last changed it. With a lower one, it does not run.
    role            text NOT NULL,
    display_name    text NOT NULL,
    -- `ExportUsageRequest` without a period.
    request         bytea NOT NULL,
    -- The whole period before a run that is exported.
    period          text NOT NULL CHECK (period IN ('DAILY', 'WEEKLY', 'MONTHLY')),
    cadence         text NOT NULL CHECK (cadence IN ('DAILY', 'WEEKLY', 'MONTHLY')),
    -- From 1 for Monday, of weekly ones; otherwise 0.
    weekday         integer NOT NULL CHECK (weekday BETWEEN 0 AND 7),
    -- Of monthly ones; otherwise 0.
    day_of_month    integer NOT NULL CHECK (day_of_month BETWEEN 0 AND 28),
    hour            integer NOT NULL CHECK (hour BETWEEN 0 AND 23),
    -- Why it does not run; empty if it does.
    pause_reason    text NOT NULL DEFAULT '' CHECK (pause_reason IN ('', 'REQUESTED', 'CREATOR_GONE', 'RIGHTS_LOST', 'TOO_MANY_EXPORTS')),
    -- It runs at its first time after this one.
    due_after       timestamptz NOT NULL,
    -- That time, computed in this zone. If the organization has another zone now, it is computed again.
    next_run_time   timestamptz NOT NULL,
    time_zone       text NOT NULL,
    last_run_time   timestamptz,
    last_export_id  text NOT NULL DEFAULT '',
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, schedule_id)
);
CALL divide_by_organization('export_schedules');

-- The schedule that started an export; empty if the requester did.
ALTER TABLE usage_exports ADD COLUMN schedule_id text NOT NULL DEFAULT '';
-- How many hours an export is kept after it has succeeded.
ALTER TABLE usage_exports ADD COLUMN life_h integer NOT NULL DEFAULT 24;

-- The schedules that are to run, or whose next time is to be computed again.
CREATE FUNCTION export_schedules_due(at timestamptz, most integer) RETURNS TABLE (organization_id text, schedule_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.organization_id, s.schedule_id
      FROM export_schedules s JOIN organizations o ON o.organization_id = s.organization_id
     WHERE s.pause_reason = '' AND o.state = 'ACTIVE' AND (s.next_run_time <= at OR s.time_zone <> o.time_zone)
     ORDER BY s.next_run_time, s.schedule_id LIMIT most
$$;

CREATE OR REPLACE FUNCTION purged_tables() RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT ARRAY['export_schedules', 'organization_provider_credentials',
                 'usage_export_parts', 'usage_exports', 'delivery_attempts', 'notification_deliveries', 'held_alerts', 'open_incidents',
                 'inbox_entries', 'alert_states', 'alert_events', 'notification_rules', 'notification_channels', 'mail_preferences',
                 'outbox_messages', 'budget_events', 'call_ratings', 'stored_objects', 'anomaly_verdicts', 'usage_anomalies',
                 'anomaly_scopes', 'analysis_settings', 'routing_returns', 'routing_policies', 'virtual_models', 'guardrails',
                 'guardrail_defaults', 'sign_in_links', 'credentials', 'invites', 'scim_group_members', 'scim_groups', 'scim_users',
                 'claim_memberships', 'claim_mappings', 'api_keys', 'members', 'groups', 'key_counts', 'standings', 'usage_names']
$$;
