-- Messages to people are delivered: how often it was tried, and when the next attempt is due.

ALTER TABLE outbox_messages
    ADD COLUMN attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    ADD COLUMN attempt_time timestamptz NOT NULL DEFAULT now();
DROP INDEX outbox_messages_waiting;
CREATE INDEX outbox_messages_waiting ON outbox_messages (attempt_time) WHERE deliver_time IS NULL;
GRANT UPDATE (attempts, attempt_time, deliver_time) ON outbox_messages TO megarouter_admin;
GRANT UPDATE (state) ON invoice_requests TO megarouter_admin;

-- Whose messages are due, the longest due first. Names of organizations, and nothing of what their messages say.
CREATE FUNCTION organizations_with_messages_due(most integer)
RETURNS TABLE (organization_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.organization_id FROM outbox_messages m
     WHERE m.deliver_time IS NULL AND m.attempt_time <= now()
     ORDER BY m.attempt_time LIMIT most
$$;
REVOKE EXECUTE ON FUNCTION organizations_with_messages_due(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_messages_due(integer) TO megarouter_admin;
