-- Events besides those of budgets: how far alerts have followed the audit log and the clock, and what rules say about these events.

-- What a rule says besides thresholds, such as {"credit_left_days": 7}. What is absent has a default.
ALTER TABLE notification_rules ADD COLUMN conditions jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(conditions) = 'object');

ALTER TABLE alert_positions
    -- Every entry up to it has been looked at. Those after it are looked at again for half a minute, because a later number can be
    -- visible earlier.
    ADD COLUMN audit_sequence bigint NOT NULL DEFAULT 0,
    -- What follows from the passing of time has been looked at until then. NULL before the first look.
    ADD COLUMN looked_until timestamptz,
    ADD COLUMN next_look_time timestamptz NOT NULL DEFAULT '-infinity';
UPDATE alert_positions p
   SET audit_sequence = coalesce((SELECT max(a.sequence) FROM audit_log a WHERE a.organization_id = p.organization_id), 0);

-- Keys in the order in which they expire.
CREATE INDEX api_keys_by_expiry ON api_keys (organization_id, expire_time) WHERE expire_time IS NOT NULL AND state = 'ACTIVE';

-- How providers did in the last five minutes: at most their latest 100 calls, of all organizations.
CREATE FUNCTION provider_health() RETURNS TABLE (provider_id text, call_count bigint, failed_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.provider_id, count(*),
           count(*) FILTER (WHERE r.detail IN ('provider_timeout', 'provider_reset', 'provider_unavailable')
                               OR (r.detail = 'provider_error' AND r.http_status NOT BETWEEN 400 AND 499))
      FROM providers p
     CROSS JOIN LATERAL (SELECT u.http_status, u.detail FROM usage_records u
                          WHERE u.provider_id = p.provider_id AND u.settle_time > now() - interval '5 minutes'
                          ORDER BY u.settle_time DESC LIMIT 100) AS r
     GROUP BY p.provider_id
$$;

-- The rules that an organization begins with.
CREATE OR REPLACE FUNCTION create_first_rule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents, recipients)
    VALUES (NEW.organization_id, 'budgets', 'Budgets at 80, 90 and 100 percent',
            '{budget.threshold_reached,budget.exhausted,budget.recovered,budget.reset}',
            'organization', NEW.organization_id, '{80,90,100}', '[{"kind": "OWNER"}, {"kind": "GROUP_ADMINS"}]'),
           (NEW.organization_id, 'operations', 'Credit, providers and doubtful usage',
            '{credit.low,credit.recovered,credit.exhausted,credit.restored,provider.account_refused,provider.account_accepted,usage.doubtful}',
            'organization', NEW.organization_id, '{}', '[{"kind": "SUPER_ADMINS"}]'),
           (NEW.organization_id, 'keys', 'Keys that are about to expire', '{key.expiring}',
            'organization', NEW.organization_id, '{}', '[{"kind": "OWNER"}]');
    RETURN NULL;
END $$;
UPDATE notification_rules SET event_types = event_types || '{budget.reset}'::text[]
 WHERE rule_id = 'budgets' AND event_types = '{budget.threshold_reached,budget.exhausted,budget.recovered}';
INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, recipients)
SELECT organization_id, 'operations', 'Credit, providers and doubtful usage',
       '{credit.low,credit.recovered,credit.exhausted,credit.restored,provider.account_refused,provider.account_accepted,usage.doubtful}'::text[],
       'organization', organization_id, '[{"kind": "SUPER_ADMINS"}]'::jsonb
  FROM organizations
UNION ALL
SELECT organization_id, 'keys', 'Keys that are about to expire', '{key.expiring}', 'organization', organization_id, '[{"kind": "OWNER"}]'
  FROM organizations;

-- The latest call of an organization to which a provider answered that it refuses the gateway's account.
CREATE TABLE account_refusals (
    organization_id text NOT NULL REFERENCES organizations,
    provider_id     text NOT NULL REFERENCES providers,
    -- `credential`, `permission` or `billing`.
    reason          text NOT NULL,
    ledger_sequence bigint NOT NULL,
    hold_id         text NOT NULL,
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, provider_id)
);
CALL divide_by_organization('account_refusals');

-- Deletes events that are older than an instant, with what was sent and who found them in their inbox, at most so many. What is still to
-- be sent stays. Returns how many.
CREATE INDEX alert_events_by_age ON alert_events (occur_time);
CREATE INDEX notification_deliveries_of_event ON notification_deliveries (organization_id, event_id);
CREATE INDEX inbox_entries_of_event ON inbox_entries (organization_id, event_id);
CREATE FUNCTION forget_alerts(before timestamptz, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH old AS MATERIALIZED (
        SELECT e.organization_id, e.event_id FROM alert_events e
         WHERE e.occur_time < before
           AND NOT EXISTS (SELECT FROM notification_deliveries d
                            WHERE d.organization_id = e.organization_id AND d.event_id = e.event_id AND d.state = 'PENDING')
         ORDER BY e.occur_time LIMIT at_most
    ), entries AS (
        DELETE FROM inbox_entries i USING old o WHERE i.organization_id = o.organization_id AND i.event_id = o.event_id
    ), deliveries AS (
        DELETE FROM notification_deliveries d USING old o WHERE d.organization_id = o.organization_id AND d.event_id = o.event_id
    ), events AS (
        DELETE FROM alert_events e USING old o WHERE e.organization_id = o.organization_id AND e.event_id = o.event_id RETURNING 1
    )
    SELECT count(*) FROM events
$$;
