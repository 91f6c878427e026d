-- Invoices that admins ask for, messages waiting to be delivered, and how providers answer.

CREATE TABLE invoice_requests (
    organization_id      text NOT NULL REFERENCES organizations,
    invoice_request_id   text COLLATE "C" NOT NULL CHECK (invoice_request_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_id              text NOT NULL REFERENCES users,
    -- google.type.Money: ISO 4217, whole units, and 10^-9 units.
    currency_code        text NOT NULL CHECK (currency_code ~ '^[A-Z]{3}$'),
    amount_units         bigint NOT NULL CHECK (amount_units >= 0),
    amount_nanos         integer NOT NULL CHECK (amount_nanos BETWEEN 0 AND 999999999),
    -- The credit the invoice is for. Asking moves no credit.
    credit_nano_credits  bigint NOT NULL CHECK (credit_nano_credits > 0),
    -- The billing contact as it was when the invoice was asked for: it goes there.
    billing_email        text NOT NULL,
    note                 text NOT NULL DEFAULT '',
    -- PENDING until the message to the billing contact is delivered.
    state                text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DELIVERED')),
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, invoice_request_id)
);

-- Messages to people, written in the transaction of what they tell, and delivered later.
CREATE TABLE outbox_messages (
    organization_id      text NOT NULL REFERENCES organizations,
    outbox_message_id    bigint GENERATED ALWAYS AS IDENTITY,
    -- What it is about, which decides its text.
    kind                 text NOT NULL CHECK (kind IN ('INVOICE_REQUEST')),
    -- Full name of the resource it is about.
    resource_name        text NOT NULL,
    recipient_email      text NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now(),
    -- NULL while it waits.
    deliver_time         timestamptz,
    PRIMARY KEY (organization_id, outbox_message_id),
    -- One thing is told once.
    UNIQUE (organization_id, kind, resource_name)
);
CREATE INDEX outbox_messages_waiting ON outbox_messages (outbox_message_id) WHERE deliver_time IS NULL;

GRANT SELECT, INSERT ON invoice_requests, outbox_messages TO megarouter_admin;

-- The wall between organizations, as for every table of theirs.
DO $$
DECLARE
    walled text;
    acts_for CONSTANT text :=
        $sql$ organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]) $sql$;
BEGIN
    FOREACH walled IN ARRAY ARRAY['invoice_requests', 'outbox_messages'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format(
            'CREATE POLICY organization_wall ON %I TO megarouter_authz, megarouter_usage, megarouter_admin USING (%s) WITH CHECK (%s)',
            walled, acts_for, acts_for);
        EXECUTE format(
            'CREATE POLICY every_organization_read ON %I FOR SELECT TO megarouter_usage'
            ' USING ((SELECT current_setting(''megarouter.organizations'', true)) = ''*'')', walled);
        EXECUTE format('CREATE POLICY audit_reads ON %I FOR SELECT TO megarouter_audit USING (true)', walled);
    END LOOP;
END $$;

-- How the newest calls of each provider ended, over all organizations: at most 100 calls of the last 15 minutes. Two numbers, and
-- nothing of whose calls they were. Calls that say nothing about the provider count as neither.
CREATE INDEX usage_records_by_provider ON usage_records (provider_id, settle_time);
CREATE FUNCTION provider_outcomes()
RETURNS TABLE (provider_id text, answered_count bigint, failed_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.provider_id,
           count(*) FILTER (WHERE r.http_status BETWEEN 200 AND 299
                              AND r.detail IN ('completed', 'usage_omitted', 'invalid_usage', 'implausible_usage')),
           -- 401, 403 and 429 to a gateway speak of its credential or quota: its calls are not answered.
           count(*) FILTER (WHERE r.detail IN ('provider_timeout', 'provider_reset', 'provider_unavailable')
                               OR (r.detail = 'provider_error'
                                   AND (r.http_status IN (401, 403, 429) OR r.http_status NOT BETWEEN 400 AND 499)))
      FROM providers p
     CROSS JOIN LATERAL (SELECT u.http_status, u.detail FROM usage_records u
                          WHERE u.provider_id = p.provider_id AND u.settle_time > now() - interval '15 minutes'
                          ORDER BY u.settle_time DESC LIMIT 100) AS r
     GROUP BY p.provider_id
$$;
REVOKE EXECUTE ON FUNCTION provider_outcomes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION provider_outcomes() TO megarouter_admin;
