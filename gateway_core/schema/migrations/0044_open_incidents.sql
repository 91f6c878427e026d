-- Incidents of PagerDuty that alerts have opened, so that each is resolved: by a recovery, or because its rule, budget or period ended.

-- A row ends with its incident. `event_id` is the alert that opened it.
CREATE TABLE open_incidents (
    organization_id text NOT NULL REFERENCES organizations,
    channel_id      text NOT NULL,
    -- What the alerts of one incident have in common, as in `alert_events`.
    rule_id         text NOT NULL,
    scope_kind      text NOT NULL,
    scope_id        text NOT NULL,
    occasion        text NOT NULL,
    event_id        text NOT NULL,
    event_type      text NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, rule_id, occasion, scope_kind, scope_id, channel_id),
    FOREIGN KEY (organization_id, channel_id) REFERENCES notification_channels ON DELETE CASCADE,
    FOREIGN KEY (organization_id, event_id) REFERENCES alert_events ON DELETE CASCADE
);
CREATE INDEX open_incidents_of_channel ON open_incidents (organization_id, channel_id);
CREATE INDEX open_incidents_of_event ON open_incidents (organization_id, event_id);

CALL divide_by_organization('open_incidents');
