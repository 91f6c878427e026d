-- What operators change in the catalog while the gateway runs. The rest comes from the catalog file.
ALTER TABLE providers ADD origin text NOT NULL DEFAULT 'FILE' CHECK (origin IN ('FILE', 'API')),
                      ADD removed boolean NOT NULL DEFAULT false;
ALTER TABLE models ADD origin text NOT NULL DEFAULT 'FILE' CHECK (origin IN ('FILE', 'API'));

-- The credentials with which the gateway calls providers, sealed: see `admin_service.discovery.credentials`.
CREATE TABLE provider_credentials (
    provider_id text PRIMARY KEY REFERENCES providers,
    sealed bytea NOT NULL,
    fingerprint text NOT NULL,
    set_by text NOT NULL,
    set_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row for each change of what Envoys are told: who changed what, what it was before, and what became of it.
CREATE TABLE configuration_versions (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    create_time timestamptz NOT NULL DEFAULT now(),
    user_id text NOT NULL,
    method text NOT NULL,
    resource_name text NOT NULL,
    refusal text NOT NULL DEFAULT ''
);

-- What each Envoy has said to the newest configuration it was told. The name is that of the process that told it.
CREATE TABLE configuration_answers (
    teller text PRIMARY KEY,
    number bigint NOT NULL,
    refusal text NOT NULL,
    seen_time timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TRIGGER provider_credentials_notify AFTER INSERT OR UPDATE OR DELETE ON provider_credentials
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();
CREATE TRIGGER configuration_versions_notify AFTER INSERT ON configuration_versions
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();
