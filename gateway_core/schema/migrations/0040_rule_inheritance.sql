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

-- Who leaves the organization gets nothing more, also not what waits.
CREATE FUNCTION end_personal_channel() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE notification_deliveries d SET state = 'CANCELED', next_attempt_time = NULL, end_time = now()
      FROM notification_channels c
     WHERE c.organization_id = NEW.organization_id AND c.member_id = NEW.member_id
       AND d.organization_id = c.organization_id AND d.channel_id = c.channel_id AND d.state = 'PENDING';
    DELETE FROM notification_channels WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id;
    RETURN NULL;
END $$;
CREATE TRIGGER end_personal_channel AFTER UPDATE OF state ON members FOR EACH ROW
    WHEN (NEW.state = 'REMOVED' AND OLD.state <> 'REMOVED') EXECUTE FUNCTION end_personal_channel();
