-- Who a sign-in is. An identity of a provider is linked to one user for good, and every change in the audit log names the provider.

-- What the provider said last about the person: the address that it may vouch for, in lower case, and the name. NULL: nothing yet.
ALTER TABLE user_identities
    ADD COLUMN email text CHECK (email = lower(email)),
    ADD COLUMN display_name text;
UPDATE user_identities i SET email = u.email, display_name = u.display_name
  FROM users u
 WHERE u.user_id = i.user_id AND (SELECT count(*) FROM user_identities o WHERE o.user_id = i.user_id) = 1;

ALTER TABLE audit_log
    -- The issuer of the sign-in that made the change, or of the one that created its access token; '' if there was none.
    ADD COLUMN issuer text NOT NULL DEFAULT '',
    -- Why the change was refused, a value of ErrorReason; '' if it was made.
    ADD COLUMN refusal text NOT NULL DEFAULT '';

ALTER TABLE access_tokens
    -- The issuer of the sign-in that created the token; '' if there was none.
    ADD COLUMN issuer text NOT NULL DEFAULT '',
    -- Until when the token carries the rights of a Super Admin; NULL: as long as it lives.
    ADD COLUMN super_admin_end_time timestamptz;
-- Tokens that exist were not capped. None outlives the default cap from now on.
UPDATE access_tokens SET expire_time = least(expire_time, now() + interval '90 days') WHERE revoke_time IS NULL;

-- What a claim of a provider gives in an organization: a role, and a group.
CREATE TABLE claim_mappings (
    organization_id      text NOT NULL REFERENCES organizations,
    claim_mapping_id     text COLLATE "C" NOT NULL CHECK (claim_mapping_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    issuer               text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
    claim                text NOT NULL CHECK (length(claim) BETWEEN 1 AND 100),
    value                text NOT NULL CHECK (length(value) BETWEEN 1 AND 500),
    role                 text NOT NULL CHECK (role IN ('SUPER_ADMIN', 'L1_ADMIN', 'SUB_ADMIN', 'MEMBER')),
    group_id             text,
    -- The user who configured it.
    user_id              text NOT NULL REFERENCES users,
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, claim_mapping_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES groups,
    CONSTRAINT one_role_for_each_value UNIQUE (organization_id, issuer, claim, value)
);
CREATE INDEX claim_mappings_by_value ON claim_mappings (issuer, claim, value);
CALL divide_by_organization('claim_mappings');

-- What claims gave to a member. What an admin sets by hand differs from it, and stays.
CREATE TABLE claim_memberships (
    organization_id      text NOT NULL REFERENCES organizations,
    member_id            text NOT NULL,
    user_id              text NOT NULL REFERENCES users,
    issuer               text NOT NULL,
    role                 text NOT NULL,
    group_id             text,
    -- '' in role: the claim is gone, and the member suspended.
    -- What the member had before, by hand; NULL if the claim made the user a member.
    base_role            text,
    base_group_id        text,
    -- An admin set something else by hand, so claims leave the member alone until the claims are gone.
    is_overridden        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id, member_id),
    FOREIGN KEY (organization_id, member_id) REFERENCES members
);
CREATE INDEX claim_memberships_by_user ON claim_memberships (user_id, issuer);
CALL divide_by_organization('claim_memberships');

-- Where a user is a member: for the audit log of what a user does with their own credentials, and for what these reach.
CREATE FUNCTION organizations_of_user(only_user text)
RETURNS TABLE (organization_id text, kind text, state text, member_id text, role text, member_state text, group_path text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.organization_id, o.kind, o.state, m.member_id, m.role, m.state, m.group_path
      FROM members m JOIN organizations o ON o.organization_id = m.organization_id
     WHERE m.user_id = only_user AND m.state <> 'REMOVED' AND o.state <> 'DELETED'
$$;

-- The organizations that a sign-in changes: those that map one of its claims, and those where claims of this issuer gave something.
CREATE FUNCTION organizations_of_claims(by_issuer text, claims text[], claim_values text[], only_user text)
RETURNS TABLE (organization_id text, wants text, has text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH wanted AS (
        SELECT DISTINCT ON (p.organization_id) p.organization_id, p.role || coalesce('/' || p.group_id, '') AS gives
          FROM claim_mappings p
          JOIN (SELECT DISTINCT * FROM unnest(claims, claim_values) AS c (claim, value)) c ON c.claim = p.claim AND c.value = p.value
          JOIN organizations o ON o.organization_id = p.organization_id
          LEFT JOIN groups g ON g.organization_id = p.organization_id AND g.group_id = p.group_id
         WHERE p.issuer = by_issuer AND o.state = 'ACTIVE' AND o.kind = 'ORGANIZATION' AND g.delete_time IS NULL
           -- A group may have moved to a level that the role does not fit.
           AND CASE p.role WHEN 'L1_ADMIN' THEN cardinality(g.path) = 1 WHEN 'SUB_ADMIN' THEN cardinality(g.path) >= 2 ELSE true END
         ORDER BY p.organization_id, array_position(ARRAY['SUPER_ADMIN', 'L1_ADMIN', 'SUB_ADMIN', 'MEMBER'], p.role),
                  p.claim_mapping_id
    ), given AS (
        SELECT g.organization_id,
               CASE WHEN g.is_overridden THEN 'overridden' ELSE g.role || coalesce('/' || g.group_id, '') END AS gives
          FROM claim_memberships g WHERE g.user_id = only_user AND g.issuer = by_issuer
    )
    SELECT coalesce(w.organization_id, g.organization_id), w.gives, g.gives
      FROM wanted w FULL JOIN given g ON g.organization_id = w.organization_id
$$;
