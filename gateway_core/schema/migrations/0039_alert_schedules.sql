-- Rules say how urgent their alerts are, when they may be sent, and whether they are collected in a digest.

ALTER TABLE notification_rules
    -- Of all alerts but recoveries. Empty: it follows from the event and the threshold.
    ADD COLUMN severity text NOT NULL DEFAULT '' CHECK (severity IN ('', 'INFO', 'WARNING', 'ALERT')),
    -- AT_ONCE: each alert by itself. Otherwise what has collected, in one message.
    ADD COLUMN frequency text NOT NULL DEFAULT 'AT_ONCE' CHECK (frequency IN ('AT_ONCE', 'DAILY', 'WEEKLY')),
    -- {"start", "end": minutes of the day, "days": from 0 for Monday, "zone", "alerts_pass"}. NULL: always.
    ADD COLUMN quiet_hours jsonb;

-- Alerts that wait for the end of quiet hours or for a digest, one row for each channel. A row is released once, in the transaction
-- that adds its delivery. So an alert is in one digest of a channel, or is sent by itself, and never both.
CREATE TABLE held_alerts (
    organization_id text NOT NULL REFERENCES organizations,
    channel_id      text NOT NULL,
    event_id        text NOT NULL,
    -- NULL once the rule is deleted: what it held is sent.
    rule_id         text,
    -- What the rule said when the time was decided. If it says something else now, the time is decided again.
    frequency       text NOT NULL,
    quiet_hours     jsonb,
    send_time       timestamptz NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    -- The event that was sent: the alert itself, or a digest. NULL while it waits, and if the channel was deleted meanwhile.
    released_event_id text,
    release_time    timestamptz,
    PRIMARY KEY (organization_id, channel_id, event_id),
    FOREIGN KEY (organization_id, event_id) REFERENCES alert_events,
    FOREIGN KEY (organization_id, released_event_id) REFERENCES alert_events,
    FOREIGN KEY (organization_id, rule_id) REFERENCES notification_rules ON DELETE SET NULL (rule_id)
);
-- For the organizations that have something to send, and for what that is.
CREATE INDEX held_alerts_by_time ON held_alerts (send_time) WHERE release_time IS NULL;
CREATE INDEX held_alerts_without_rule ON held_alerts (organization_id) WHERE release_time IS NULL AND rule_id IS NULL;
CREATE INDEX held_alerts_waiting ON held_alerts (organization_id, rule_id) WHERE release_time IS NULL;
CREATE INDEX notification_rules_by_change ON notification_rules (update_time);

CALL divide_by_organization('held_alerts');
