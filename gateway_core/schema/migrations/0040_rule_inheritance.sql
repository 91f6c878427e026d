-- Rules of upper groups are inherited, and can be overridden in lower ones. Members have channels of their own.

ALTER TABLE notification_rules
    -- The rule of an upper scope whose place this one takes in its scope. It ends with that rule.
    ADD COLUMN overrides_rule_id text,
    -- Whether rules of lower scopes can take its place there.
    ADD COLUMN forbids_overrides boolean NOT NULL DEFAULT false,
    ADD CHECK (overrides_rule_id <> rule_id),
    ADD FOREIGN KEY (organization_id, overrides_rule_id) REFERENCES notification_rules ON DELETE CASCADE;
CREATE UNIQUE INDEX notification_rules_overrides ON notification_rules (organization_id, overrides_rule_id, scope_kind, scope_id)
    WHERE overrides_rule_id IS NOT NULL;

ALTER TABLE notification_channels
    -- The member whose personal channel it is: that member alone keeps it, and it gets what their inbox gets. NULL: a channel of rules.
    ADD COLUMN member_id text,
    -- When notification_service disabled it. NULL if it did not, or somebody has switched it on since.
    ADD COLUMN disable_time timestamptz,
    ADD CHECK (member_id IS NULL OR group_id IS NULL),
    ADD FOREIGN KEY (organization_id, member_id) REFERENCES members;
CREATE UNIQUE INDEX notification_channels_personal ON notification_channels (organization_id, member_id) WHERE member_id IS NOT NULL;
-- For the notices about channels that were disabled.
CREATE INDEX notification_channels_disabled ON notification_channels (disable_time) WHERE disable_time IS NOT NULL;
