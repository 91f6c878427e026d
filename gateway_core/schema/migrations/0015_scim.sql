-- SCIM: what a directory keeps of the members and groups of an organization.

-- A member whom the directory created or changed, as the directory sees them.
CREATE TABLE scim_users (
    organization_id text NOT NULL,
    member_id       text NOT NULL,
    user_name       text NOT NULL CHECK (length(user_name) BETWEEN 1 AND 200),
    external_id     text CHECK (length(external_id) BETWEEN 1 AND 500),
    -- The other attributes that SCIM keeps: displayName, name, emails.
    attributes      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(attributes) = 'object'),
    -- The directory created the user, so it may change name and address until somebody signs in.
    is_own_user     boolean NOT NULL DEFAULT false,
    -- The directory suspended the member, so it may resume them.
    is_suspended    boolean NOT NULL DEFAULT false,
    -- Where the directory put the member. A member who is elsewhere was put there by an admin, and stays.
    placed_group_id text,
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    -- When the directory removed the member.
    delete_time     timestamptz,
    PRIMARY KEY (organization_id, member_id),
    FOREIGN KEY (organization_id, member_id) REFERENCES members
);
CREATE UNIQUE INDEX scim_users_by_name ON scim_users (organization_id, lower(user_name)) WHERE delete_time IS NULL;
CALL divide_by_organization('scim_users');

-- A group that the directory created.
CREATE TABLE scim_groups (
    organization_id text NOT NULL,
    group_id        text NOT NULL,
    external_id     text CHECK (length(external_id) BETWEEN 1 AND 500),
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, group_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES groups
);
CALL divide_by_organization('scim_groups');

-- Who is in which group of the directory. One of these groups is the member's place.
CREATE TABLE scim_group_members (
    organization_id text NOT NULL,
    group_id        text NOT NULL,
    member_id       text NOT NULL,
    -- The order in which members came into groups.
    sequence        bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (organization_id, group_id, member_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES scim_groups,
    FOREIGN KEY (organization_id, member_id) REFERENCES scim_users
);
CREATE INDEX scim_group_members_by_member ON scim_group_members (organization_id, member_id);
CALL divide_by_organization('scim_group_members');

-- Whoever changes the state of a member decides about their suspension from now on. SCIM notes its own after this trigger.
CREATE FUNCTION forget_scim_suspension() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE scim_users SET is_suspended = false
     WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id AND is_suspended;
    RETURN NULL;
END $$;
CREATE TRIGGER members_forget_scim_suspension AFTER UPDATE ON members
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION forget_scim_suspension();

UPDATE credentials SET permissions = permissions || ARRAY['scim:read', 'scim:write']
 WHERE kind = 'SCIM' AND NOT permissions @> ARRAY['scim:read'];
