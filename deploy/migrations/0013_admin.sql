-- What the admin API keeps beside the resources themselves: who changed what, answers to repeated requests, and scoped tokens.

-- Every change, in the order in which it was made. Never changed, never deleted.
CREATE TABLE audit_log (
    organization_id      text NOT NULL REFERENCES organizations,
    sequence             bigint GENERATED ALWAYS AS IDENTITY,
    create_time          timestamptz NOT NULL DEFAULT now(),
    user_id              text NOT NULL REFERENCES users,
    -- NULL where the user was no member of the organization, as whoever creates it.
    member_id            text,
    role                 text,
    access_token_id      text,
    -- `package.Service/Method`.
    method               text NOT NULL,
    resource_name        text NOT NULL,
    -- Of the group, or of the member, that the change was about: what a group admin may see of the log.
    group_path           text[] NOT NULL DEFAULT '{}',
    before               jsonb,
    after                jsonb,
    -- The caller's request id, and the id under which the call is in logs and traces.
    request_id           text NOT NULL DEFAULT '',
    call_id              text NOT NULL DEFAULT '',
    address              text NOT NULL DEFAULT '',
    PRIMARY KEY (organization_id, sequence)
);
CREATE INDEX audit_log_by_resource ON audit_log (organization_id, resource_name, sequence);

CREATE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_log_change();

-- Answers of changes that carried a request id, so that a repetition is answered and not done again (AIP-155).
CREATE TABLE request_replays (
    user_id              text NOT NULL REFERENCES users,
    method               text NOT NULL,
    request_id           text NOT NULL,
    request_hash         bytea NOT NULL CHECK (length(request_hash) = 32),
    -- Never with a secret: what is shown once is not shown again.
    response             bytea NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, method, request_id)
);
CREATE INDEX request_replays_by_age ON request_replays (create_time);

-- A token may be confined to one organization and to some permissions; NULL does not confine.
ALTER TABLE access_tokens
    ADD COLUMN only_organization_id text REFERENCES organizations,
    ADD COLUMN permissions          text[],
    ADD COLUMN display_name         text NOT NULL DEFAULT '',
    ADD COLUMN obfuscated_token     text NOT NULL DEFAULT '';

GRANT SELECT, INSERT ON audit_log TO megarouter_admin;
GRANT SELECT, INSERT, UPDATE, DELETE ON request_replays TO megarouter_admin;
REVOKE ALL ON request_replays FROM megarouter_audit;

-- The wall between organizations, as for every table of theirs.
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_wall ON audit_log TO megarouter_authz, megarouter_usage, megarouter_admin
    USING (organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]))
    WITH CHECK (organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]));
CREATE POLICY every_organization_read ON audit_log FOR SELECT TO megarouter_usage
    USING ((SELECT current_setting('megarouter.organizations', true)) = '*');
CREATE POLICY audit_reads ON audit_log FOR SELECT TO megarouter_audit USING (true);
