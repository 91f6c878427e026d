-- What may be called and what it costs. Price versions are never changed: usage records refer to them (INV-11).

CREATE TABLE providers (
    provider_id          text PRIMARY KEY,
    -- The provider's entry of the catalogue file as JSON. It names the variable of the credential, never the credential.
    definition           jsonb NOT NULL
);

CREATE TABLE models (
    model_name           text PRIMARY KEY,
    provider_id          text NOT NULL REFERENCES providers,
    -- The model's entry of the catalogue file as JSON, without its prices.
    definition           jsonb NOT NULL,
    -- Models that left the catalogue stay for the records that name them.
    offered              boolean NOT NULL DEFAULT true
);

CREATE TABLE price_versions (
    model_name           text NOT NULL REFERENCES models,
    version              integer NOT NULL CHECK (version > 0),
    effective_date       date NOT NULL,
    -- Nano-credits per million tokens by category, and the long-context variant.
    prices               jsonb NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_name, version)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are immutable: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER price_versions_immutable BEFORE UPDATE OR DELETE ON price_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER price_versions_not_truncated BEFORE TRUNCATE ON price_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION notify_catalog_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('megarouter_catalog', TG_TABLE_NAME);
    RETURN NULL;
END $$;

CREATE TRIGGER providers_notify AFTER INSERT OR UPDATE OR DELETE ON providers
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();
CREATE TRIGGER models_notify AFTER INSERT OR UPDATE OR DELETE ON models
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();
CREATE TRIGGER price_versions_notify AFTER INSERT ON price_versions
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();
