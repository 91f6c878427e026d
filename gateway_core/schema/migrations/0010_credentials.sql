-- Credentials that are no person's: for SCIM connections and automation. And sign-in links for people without an identity provider.

CREATE TABLE credentials (
    organization_id      text NOT NULL REFERENCES organizations,
    credential_id        text COLLATE "C" NOT NULL CHECK (credential_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    -- A user of its own, with whom it acts. Nobody signs in as this user.
    user_id              text NOT NULL UNIQUE REFERENCES users,
    kind                 text NOT NULL CHECK (kind IN ('SCIM', 'AUTOMATION')),
    display_name         text NOT NULL,
    permissions          text[] NOT NULL CHECK (cardinality(permissions) BETWEEN 1 AND 100),
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    obfuscated_secret    text NOT NULL,
    -- The secret before the last rotation, until it ends.
    previous_secret_hash bytea UNIQUE CHECK (length(previous_secret_hash) = 32),
    previous_expire_time timestamptz,
    expire_time          timestamptz NOT NULL,
    revoke_time          timestamptz,
    -- The user who created it.
    creator_user_id      text NOT NULL REFERENCES users,
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, credential_id),
    CONSTRAINT previous_secret_ends CHECK ((previous_secret_hash IS NULL) = (previous_expire_time IS NULL)),
    CONSTRAINT secrets_differ CHECK (previous_secret_hash <> secret_hash)
);
CALL divide_by_organization('credentials');

-- The organization, the credential and its user behind a secret, if it is valid now.
CREATE FUNCTION credential_of_secret(hash bytea)
RETURNS TABLE (organization_id text, credential_id text, user_id text, permissions text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.organization_id, c.credential_id, c.user_id, c.permissions
      FROM credentials c
     WHERE (c.secret_hash = hash OR (c.previous_secret_hash = hash AND c.previous_expire_time > now()))
       AND c.revoke_time IS NULL AND c.expire_time > now()
$$;

ALTER TABLE audit_log
    -- The credential that made the change; NULL if a person did.
    ADD COLUMN credential_id text;

-- An admin of this organization linked the identity by hand, so it is the user there and nowhere else. NULL: everywhere.
ALTER TABLE user_identities ADD COLUMN only_organization_id text REFERENCES organizations;

CREATE TABLE sign_in_links (
    organization_id      text NOT NULL REFERENCES organizations,
    sign_in_link_id      text COLLATE "C" NOT NULL CHECK (sign_in_link_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    -- The member as whom its holder signs in.
    member_id            text NOT NULL,
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    -- The user who made it. NULL in maker_member_id: as an operator.
    maker_user_id        text NOT NULL REFERENCES users,
    maker_member_id      text,
    expire_time          timestamptz NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now(),
    use_time             timestamptz,
    revoke_time          timestamptz,
    -- The access token that it was exchanged for.
    access_token_id      text REFERENCES access_tokens,
    PRIMARY KEY (organization_id, sign_in_link_id),
    FOREIGN KEY (organization_id, member_id) REFERENCES members,
    FOREIGN KEY (organization_id, maker_member_id) REFERENCES members,
    CONSTRAINT used_for_a_token CHECK ((use_time IS NULL) = (access_token_id IS NULL)),
    CONSTRAINT used_or_revoked CHECK (use_time IS NULL OR revoke_time IS NULL)
);
CREATE INDEX sign_in_links_by_member ON sign_in_links (organization_id, member_id);
CALL divide_by_organization('sign_in_links');

-- The organization, the link and the member's user behind a secret, if the link can be used now.
CREATE FUNCTION sign_in_link_of_secret(hash bytea)
RETURNS TABLE (organization_id text, sign_in_link_id text, user_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.organization_id, l.sign_in_link_id, m.user_id
      FROM sign_in_links l
      JOIN members m ON m.organization_id = l.organization_id AND m.member_id = l.member_id
     WHERE l.secret_hash = hash AND l.use_time IS NULL AND l.revoke_time IS NULL AND l.expire_time > now() AND m.state = 'ACTIVE'
$$;
