-- Which key and model of an organization write analyses of its usage. The secret of the key is derived from the deployment's pepper and
-- the salt, and is not stored.
CREATE TABLE analysis_settings (
    organization_id text NOT NULL PRIMARY KEY REFERENCES organizations,
    api_key_id      text NOT NULL,
    salt            bytea NOT NULL CHECK (length(salt) = 32),
    model           text NOT NULL,
    update_time     timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, api_key_id) REFERENCES api_keys (organization_id, api_key_id)
);
CALL divide_by_organization('analysis_settings');
