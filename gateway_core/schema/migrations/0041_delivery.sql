-- Sending: e-mail of alerts and of admin_service, messages that contain several alerts, replays with a schedule of their own, and
-- attempts whose outcome nobody knows.

-- notification_service sends what waits in the outbox. A lease moves `attempt_time` ahead, so that nobody else takes the message.
ALTER TABLE outbox_messages
    -- Names the process that sends it.
    ADD COLUMN claim text NOT NULL DEFAULT '';

-- Whether a mail server is configured. notification_service writes it when it starts. Otherwise members get no e-mail.
ALTER TABLE deployment_settings ADD COLUMN sends_mail boolean NOT NULL DEFAULT false;

ALTER TABLE notification_channels
    -- The member to whose address it sends. Such a channel has no target, and belongs to nobody's list.
    ADD COLUMN mailed_member_id text,
    -- When the bucket of the flow control is full again.
    ADD COLUMN bucket_time timestamptz NOT NULL DEFAULT '-infinity',
    ALTER COLUMN sealed_target DROP NOT NULL,
    ADD CONSTRAINT either_a_target_or_a_member CHECK ((sealed_target IS NULL) = (mailed_member_id IS NOT NULL));

ALTER TABLE notification_deliveries
    -- The schedule of attempts begins again with a replay. NULL: it began with the event.
    ADD COLUMN schedule_start_time timestamptz,
    -- How many attempts were made before.
    ADD COLUMN former_attempt_count integer NOT NULL DEFAULT 0,
    -- Whether a message that contained it with others was refused. The next message contains nothing else.
    ADD COLUMN is_alone boolean NOT NULL DEFAULT false;

ALTER TABLE delivery_attempts
    -- The message, if it contained several alerts. The attempt of the first of them has request and answer.
    ADD COLUMN message_id text NOT NULL DEFAULT '',
    DROP CONSTRAINT delivery_attempts_outcome_check,
    -- UNKNOWN: the process ended between sending and recording.
    ADD CONSTRAINT delivery_attempts_outcome_check CHECK (outcome IN ('DELIVERED', 'RETRY', 'REFUSED', 'UNKNOWN'));
-- What came of an attempt may become known after all. notification_service cannot rewrite a record itself.
CREATE FUNCTION replace_unknown_attempt() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM delivery_attempts a
     WHERE a.organization_id = NEW.organization_id AND a.delivery_id = NEW.delivery_id AND a.attempt_number = NEW.attempt_number
       AND a.outcome = 'UNKNOWN' AND NEW.outcome <> 'UNKNOWN';
    RETURN NEW;
END $$;
CREATE TRIGGER replace_unknown_attempt BEFORE INSERT ON delivery_attempts
    FOR EACH ROW EXECUTE FUNCTION replace_unknown_attempt();
CREATE INDEX delivery_attempts_by_message ON delivery_attempts (organization_id, message_id) WHERE message_id <> '';

DO $$
DECLARE
    walled regclass;
BEGIN
    FOREACH walled IN ARRAY ARRAY['outbox_messages', 'invoice_requests']::regclass[] LOOP
        EXECUTE format(
            'CREATE POLICY notification_wall ON %s TO megarouter_notification USING (%s) WITH CHECK (%2$s)', walled,
            'organization_id = ANY ((SELECT string_to_array(current_setting(''megarouter.organizations'', true), '',''))::text[])');
    END LOOP;
END $$;

-- As before, at a moment: NULL for now.
DROP FUNCTION channels_with_deliveries_due(integer);
CREATE FUNCTION channels_with_deliveries_due(most integer, moment timestamptz)
RETURNS TABLE (organization_id text, channel_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE heads AS (
        (SELECT n.organization_id, n.channel_id, n.next_attempt_time, n.lease_end_time
           FROM notification_deliveries n WHERE n.state = 'PENDING'
          ORDER BY n.organization_id, n.channel_id, n.create_time, n.delivery_id LIMIT 1)
        UNION ALL
        SELECT further.* FROM heads h CROSS JOIN LATERAL (
            SELECT n.organization_id, n.channel_id, n.next_attempt_time, n.lease_end_time
              FROM notification_deliveries n
             WHERE n.state = 'PENDING' AND (n.organization_id, n.channel_id) > (h.organization_id, h.channel_id)
             ORDER BY n.organization_id, n.channel_id, n.create_time, n.delivery_id LIMIT 1) AS further
    )
    SELECT d.organization_id, d.channel_id
      FROM heads d
      LEFT JOIN notification_channels c ON c.organization_id = d.organization_id AND c.channel_id = d.channel_id
     WHERE d.next_attempt_time <= coalesce(moment, now()) AND coalesce(d.lease_end_time, '-infinity') <= coalesce(moment, now())
       AND coalesce(c.next_attempt_time, '-infinity') <= coalesce(moment, now()) AND coalesce(c.state, '') <> 'DISABLED'
     ORDER BY row_number() OVER (PARTITION BY d.organization_id ORDER BY d.next_attempt_time), d.next_attempt_time LIMIT most
$$;

-- The channels by which those of these members get e-mail who are active and have an address. Makes those that are missing. None without a
-- mail server. usage_service cannot read addresses.
CREATE FUNCTION mail_channels(organization text, members text[]) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH mailed AS (
        SELECT m.member_id, 'mail-' || m.member_id AS channel_id, split_part(u.email, '@', 2) AS domain
          FROM members m
          JOIN users u ON u.user_id = m.user_id AND coalesce(u.email, '') <> ''
         WHERE m.organization_id = organization AND m.member_id = ANY (members) AND m.state = 'ACTIVE'
           AND EXISTS (SELECT FROM deployment_settings WHERE sends_mail)
    ), channel AS (
        INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, mailed_member_id)
        SELECT organization, channel_id, 'EMAIL', member_id, domain, member_id FROM mailed
        ON CONFLICT DO NOTHING
    )
    SELECT channel_id FROM mailed
$$;

-- Returns the address of the member whom a channel mails. NULL if the member may not be written to any more.
CREATE FUNCTION address_of_mailed_member(organization text, channel text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT nullif(u.email, '')
      FROM notification_channels c
      JOIN members m ON m.organization_id = c.organization_id AND m.member_id = c.mailed_member_id AND m.state = 'ACTIVE'
      JOIN users u ON u.user_id = m.user_id
     WHERE c.organization_id = organization AND c.channel_id = channel
$$;

-- A page of channels with something sealed, in the order of their names. For sealing it again with another key.
CREATE FUNCTION sealed_channels(after_organization text, after_channel text, most integer)
RETURNS TABLE (organization_id text, channel_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.organization_id, c.channel_id FROM notification_channels c
     WHERE (c.organization_id, c.channel_id) > (after_organization, after_channel)
       AND (c.sealed_target IS NOT NULL OR c.sealed_secret IS NOT NULL OR c.sealed_former_secret IS NOT NULL)
     ORDER BY c.organization_id, c.channel_id LIMIT most
$$;
