-- Invites: links with which users become members of an organization.

CREATE TABLE invites (
    organization_id      text NOT NULL REFERENCES organizations,
    invite_id            text NOT NULL CHECK (invite_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    -- Whose rights count, when the invite is made and again when it is accepted (INV-14).
    inviter_member_id    text NOT NULL,
    -- NULL: whoever accepts becomes a member of the organization itself.
    group_id             text,
    role                 text NOT NULL CHECK (role IN ('SUPER_ADMIN', 'L1_ADMIN', 'SUB_ADMIN', 'MEMBER')),
    -- HMAC-SHA256 under the deployment's pepper: the token itself is shown once and never stored (INV-16).
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    expire_time          timestamptz NOT NULL,
    max_uses             integer NOT NULL DEFAULT 1 CHECK (max_uses BETWEEN 1 AND 1000),
    use_count            integer NOT NULL DEFAULT 0,
    -- Only for users with this verified address, or one of this domain; NULL for everybody.
    email                text CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    email_domain         text CHECK (email_domain = lower(email_domain) AND length(email_domain) BETWEEN 3 AND 253),
    -- Set once, when the invite is revoked; the row stays.
    revoke_time          timestamptz,
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    -- A copy, written by the triggers below alone.
    group_path           text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, invite_id),
    FOREIGN KEY (organization_id, inviter_member_id) REFERENCES members (organization_id, member_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES groups (organization_id, group_id),
    CONSTRAINT never_used_too_often CHECK (use_count BETWEEN 0 AND max_uses),
    CONSTRAINT bound_once CHECK (email IS NULL OR email_domain IS NULL),
    CONSTRAINT invited_group_admins_have_a_group CHECK (role NOT IN ('L1_ADMIN', 'SUB_ADMIN') OR group_id IS NOT NULL)
);

CREATE TRIGGER invites_update_time BEFORE UPDATE ON invites
    FOR EACH ROW WHEN ((OLD.use_count, OLD.revoke_time) IS DISTINCT FROM (NEW.use_count, NEW.revoke_time))
    EXECUTE FUNCTION set_update_time();

-- Invites into the subtree of a group, page by page. FOR SHARE: who moves what is read here waits, and then finds the new row.
CREATE FUNCTION place_invite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.group_path := '{}';
    IF NEW.group_id IS NOT NULL THEN
        SELECT path INTO NEW.group_path FROM groups
         WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id FOR SHARE;
        -- Without a row the foreign key speaks.
        NEW.group_path := coalesce(NEW.group_path, '{}');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invites_place BEFORE INSERT OR UPDATE OF group_id, group_path ON invites
    FOR EACH ROW EXECUTE FUNCTION place_invite();

CREATE FUNCTION place_invites_of_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE invites SET group_path = NEW.path WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id;
    RETURN NULL;
END $$;
CREATE TRIGGER groups_place_invites AFTER UPDATE ON groups
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION place_invites_of_group();

CREATE INDEX invites_by_group ON invites (organization_id, group_id);
CREATE INDEX invites_below_1 ON invites (organization_id, (group_path[1]), invite_id) WHERE group_path[1] IS NOT NULL;
CREATE INDEX invites_below_2 ON invites (organization_id, (group_path[2]), invite_id) WHERE group_path[2] IS NOT NULL;
CREATE INDEX invites_below_3 ON invites (organization_id, (group_path[3]), invite_id) WHERE group_path[3] IS NOT NULL;
CREATE INDEX invites_below_4 ON invites (organization_id, (group_path[4]), invite_id) WHERE group_path[4] IS NOT NULL;

GRANT SELECT, INSERT ON invites TO megarouter_admin;
GRANT UPDATE (use_count, revoke_time, update_time, group_path) ON invites TO megarouter_admin;

-- The wall between organizations, as for every table of theirs.
ALTER TABLE invites ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_wall ON invites TO megarouter_authz, megarouter_usage, megarouter_admin
    USING (organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]))
    WITH CHECK (organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]));
CREATE POLICY every_organization_read ON invites FOR SELECT TO megarouter_usage
    USING ((SELECT current_setting('megarouter.organizations', true)) = '*');
CREATE POLICY audit_reads ON invites FOR SELECT TO megarouter_audit USING (true);

-- The one way from a token to its invite, through the wall: who has the hash learns which invite it is, while it can be used, and
-- nothing else. What can be used no more is not found, as what never was. To an active member of the organization a used-up
-- invite is still known: accepting twice is no fault.
CREATE FUNCTION invite_of_token(token_hash bytea, caller text)
RETURNS TABLE (organization_id text, invite_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.organization_id, i.invite_id
      FROM invites i JOIN organizations o ON o.organization_id = i.organization_id
     WHERE i.secret_hash = token_hash AND i.revoke_time IS NULL AND i.expire_time > now() AND o.state <> 'DELETED'
       AND (i.use_count < i.max_uses
            OR EXISTS (SELECT FROM members m
                        WHERE m.organization_id = i.organization_id AND m.user_id = caller AND m.state = 'ACTIVE'))
$$;
REVOKE EXECUTE ON FUNCTION invite_of_token(bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invite_of_token(bytea, text) TO megarouter_admin;
