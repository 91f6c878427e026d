-- Bearer tokens with which users call the admin API.

CREATE TABLE access_tokens (
    access_token_id      text PRIMARY KEY CHECK (access_token_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_id              text NOT NULL REFERENCES users,
    -- HMAC-SHA256 under the deployment's pepper: the token itself is shown once and never stored (INV-16).
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    -- A token without an end would outlive whoever holds it.
    expire_time          timestamptz NOT NULL,
    -- Set once, when the token is revoked; the row stays.
    revoke_time          timestamptz,
    create_time          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX access_tokens_by_user ON access_tokens (user_id);

GRANT SELECT, INSERT, UPDATE ON access_tokens TO megarouter_admin;
