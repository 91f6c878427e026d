-- Users as identity providers know them (OpenID Connect).

CREATE TABLE user_identities (
    -- The claims `iss` and `sub`: together they name a person for ever. An e-mail address does not.
    issuer               text NOT NULL CHECK (length(issuer) BETWEEN 1 AND 500),
    subject              text NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
    user_id              text NOT NULL REFERENCES users,
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_by_user ON user_identities (user_id);

-- A user whose address nobody has verified has none: it could be somebody else's.
ALTER TABLE users ALTER COLUMN email DROP NOT NULL;

GRANT SELECT, INSERT ON user_identities TO megarouter_admin;
