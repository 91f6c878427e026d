-- Sources of alerts that fail alone, e-mail that members do not want, and alerts that are kept as long as an operator says.

-- A source of events that has failed stays where it was, while the others go on. A row ends when the source has caught up.
CREATE TABLE alert_lags (
    organization_id text NOT NULL REFERENCES organizations,
    -- The name of the source, such as `credit`.
    source          text NOT NULL,
    -- As in `alert_positions`. NULL: before the first step, or before the first look.
    sequence        bigint NOT NULL,
    changes_until   timestamptz,
    audit_sequence  bigint NOT NULL,
    audit_seen      bigint NOT NULL,
    looked_until    timestamptz,
    failure_count   integer NOT NULL,
    retry_time      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, source)
);
CALL divide_by_organization('alert_lags');

-- What members do not want by e-mail. Whoever has no row gets all of it.
CREATE TABLE mail_preferences (
    organization_id text NOT NULL REFERENCES organizations,
    member_id       text NOT NULL,
    -- No alert at all, but what concerns security.
    is_off          boolean NOT NULL DEFAULT false,
    -- Types of events, such as `budget.reset`.
    event_types_off text[] NOT NULL DEFAULT '{}' CHECK (cardinality(event_types_off) <= 64),
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, member_id),
    FOREIGN KEY (organization_id, member_id) REFERENCES members
);
CALL divide_by_organization('mail_preferences');

-- As before, without alerts whose incidents are open: those would never be resolved.
CREATE OR REPLACE FUNCTION forget_alerts(before timestamptz, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH old AS MATERIALIZED (
        SELECT e.organization_id, e.event_id FROM alert_events e
         WHERE e.occur_time < before
           AND NOT EXISTS (SELECT FROM notification_deliveries d
                            WHERE d.organization_id = e.organization_id AND d.event_id = e.event_id AND d.state = 'PENDING')
           AND NOT EXISTS (SELECT FROM open_incidents i WHERE i.organization_id = e.organization_id AND i.event_id = e.event_id)
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
