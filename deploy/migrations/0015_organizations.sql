-- Organizations as their Super Admins keep them, and accounts: the organizations a user is a member of, one of which is the user's
-- own.

ALTER TABLE organizations
    -- PERSONAL: the account of one user, without groups, invites and other members.
    ADD COLUMN kind          text NOT NULL DEFAULT 'ORGANIZATION' CHECK (kind IN ('ORGANIZATION', 'PERSONAL')),
    -- The billing contact, to whom invoices go; NULL: there is none.
    ADD COLUMN billing_email text CHECK (length(billing_email) BETWEEN 3 AND 254),
    -- While it is suspended. It stays through a deletion: who undeletes gets back what was deleted.
    ADD COLUMN suspend_time  timestamptz,
    ADD COLUMN delete_time   timestamptz,
    -- Until then the deletion can be undone.
    ADD COLUMN purge_time    timestamptz,
    -- It holds the log of what its user changes about oneself.
    ADD CONSTRAINT personal_accounts_stay CHECK (kind <> 'PERSONAL' OR state <> 'DELETED');

ALTER TABLE users
    -- Made when it is first needed.
    ADD COLUMN personal_organization_id text UNIQUE REFERENCES organizations,
    -- The account the user chose last. Counts while the user is an active member of it.
    ADD COLUMN current_organization_id  text REFERENCES organizations;

CREATE INDEX members_by_user ON members (user_id);

-- The accounts of the user for whom the transaction acts (`megarouter.user`). They lie behind the wall between organizations, which
-- shows this much to whoever is a member of them and nothing else.
CREATE FUNCTION my_accounts()
RETURNS TABLE (
    organization_id text, display_name text, kind text, organization_state text, member_id text, role text, member_state text,
    group_id text, is_current boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH caller AS (
        SELECT u.user_id,
               coalesce((SELECT c.organization_id FROM members c JOIN organizations a ON a.organization_id = c.organization_id
                          WHERE c.organization_id = u.current_organization_id AND c.user_id = u.user_id
                            AND c.state = 'ACTIVE' AND a.state <> 'DELETED'),
                        u.personal_organization_id) AS current_id
          FROM users u WHERE u.user_id = current_setting('megarouter.user', true)
    )
    SELECT o.organization_id, o.display_name, o.kind, o.state, m.member_id, m.role, m.state, m.group_id,
           coalesce(o.organization_id = caller.current_id, false)
      FROM caller
      JOIN members m ON m.user_id = caller.user_id AND m.state <> 'REMOVED'
      JOIN organizations o ON o.organization_id = m.organization_id
$$;
REVOKE EXECUTE ON FUNCTION my_accounts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_accounts() TO megarouter_admin;

ALTER TABLE access_tokens ADD CONSTRAINT permissions_are_some CHECK (cardinality(permissions) BETWEEN 1 AND 100);
