-- Routing: virtual models, the policies about them, and what the choice of the model saved. admin_service keeps models and policies,
-- authz_service reads them with the identity of a key, and usage_service writes what was saved.

-- Virtual models of the catalog, which every organization has.
CREATE TABLE catalog_virtual_models (
    model_name text NOT NULL PRIMARY KEY,
    definition jsonb NOT NULL
);
CREATE TRIGGER catalog_virtual_models_notify AFTER INSERT OR DELETE OR UPDATE ON catalog_virtual_models
    FOR EACH STATEMENT EXECUTE FUNCTION notify_catalog_change();

CREATE TABLE virtual_models (
    organization_id  text NOT NULL REFERENCES organizations,
    virtual_model_id text NOT NULL,
    -- What callers write as the model. Of several in reach, that of the nearest owner counts.
    model_name       text NOT NULL,
    owner_kind       text NOT NULL CHECK (owner_kind IN ('organization', 'group')),
    owner_id         text NOT NULL,
    candidates       text[] NOT NULL CHECK (cardinality(candidates) BETWEEN 1 AND 8),
    baseline_model   text NOT NULL,
    -- DISABLED: the baseline serves every call.
    state            text NOT NULL DEFAULT 'ENABLED' CHECK (state IN ('ENABLED', 'DISABLED')),
    -- A list of [use case, model, hundredths of a percent]: how much worse than the baseline's the model's answers were measured to be.
    losses           jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(losses) = 'array' AND jsonb_array_length(losses) <= 64),
    -- Counts the changes. Records of calls name it.
    revision         integer NOT NULL DEFAULT 1,
    create_time      timestamptz NOT NULL DEFAULT now(),
    update_time      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, virtual_model_id),
    CONSTRAINT virtual_models_one_of_a_name UNIQUE (organization_id, owner_kind, owner_id, model_name),
    CHECK (baseline_model = ANY (candidates))
);

-- NULL: as the next wider scope says.
CREATE TABLE routing_policies (
    organization_id  text NOT NULL REFERENCES organizations,
    scope_kind       text NOT NULL CHECK (scope_kind IN ('organization', 'group', 'api_key')),
    scope_id         text NOT NULL,
    mode             text CHECK (mode IN ('OFF', 'SHADOW', 'LIVE')),
    max_loss_basis_points integer CHECK (max_loss_basis_points BETWEEN 0 AND 10000),
    -- The lowest tier for a use case: {"contracts": "top"}.
    floors           jsonb CHECK (jsonb_typeof(floors) = 'object'),
    allow_override   boolean,
    max_price_model  text,
    update_time      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, scope_kind, scope_id)
);

-- The choice about each call to a virtual model. The ledger does not depend on it.
CREATE TABLE routed_calls (
    organization_id        text NOT NULL,
    hold_id                text NOT NULL PRIMARY KEY,
    -- Of the record.
    sequence               bigint NOT NULL,
    virtual_model          text NOT NULL,
    revision               integer NOT NULL,
    arm                    text NOT NULL CHECK (arm IN ('ROUTED', 'SHADOW', 'BASELINE', 'OVERRIDDEN')),
    reason                 text NOT NULL,
    -- Whether a cheaper model than the baseline was good enough.
    is_simple              boolean NOT NULL,
    use_case               text NOT NULL,
    baseline_model         text NOT NULL,
    -- 0 if the baseline could not serve the call.
    baseline_price_version integer NOT NULL,
    -- In the arm SHADOW the baseline served, otherwise this model.
    chosen_model           text NOT NULL,
    chosen_price_version   integer NOT NULL,
    -- What the call cost or would have cost with each of the two, by the tokens that were used. NULL if unknown, never 0 for that.
    baseline_nano_credits  bigint,
    chosen_nano_credits    bigint,
    -- Negative if the chosen model is the dearer one.
    saved_nano_credits     bigint GENERATED ALWAYS AS (baseline_nano_credits - chosen_nano_credits) STORED,
    place_time             timestamptz NOT NULL
);
CREATE INDEX routed_calls_by_time ON routed_calls (organization_id, place_time);

CALL divide_by_organization('virtual_models');
CALL divide_by_organization('routing_policies');
CALL divide_by_organization('routed_calls');

-- What routing knows about callers below a group: [[id, name, owner kind, owner id, candidates, baseline, revision, is switched off,
-- losses], ...] and [[scope kind, scope id, mode, loss, floors, override, dearest], ...]. NULL if the organization has neither.
CREATE FUNCTION routing_of(organization text, path text[], of_key text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN num_nonnulls(models.list, policies.list) > 0 THEN jsonb_build_array(models.list, policies.list) END
      FROM (SELECT jsonb_agg(jsonb_build_array(v.virtual_model_id, v.model_name, v.owner_kind, v.owner_id, v.candidates, v.baseline_model,
                                               v.revision, v.state = 'DISABLED', v.losses)) AS list
              FROM virtual_models v
             WHERE v.organization_id = organization AND (v.owner_kind = 'organization' OR v.owner_id = ANY (path))) AS models,
           (SELECT jsonb_agg(jsonb_build_array(p.scope_kind, p.scope_id, p.mode, p.max_loss_basis_points, p.floors, p.allow_override,
                                               p.max_price_model)) AS list
              FROM routing_policies p
             WHERE p.organization_id = organization
               AND (p.scope_kind = 'organization' OR p.scope_kind = 'group' AND p.scope_id = ANY (path)
                    OR p.scope_kind = 'api_key' AND p.scope_id = of_key)) AS policies
$$;

-- They are part of every identity of the organization.
CREATE TRIGGER virtual_models_notify AFTER INSERT OR DELETE OR UPDATE ON virtual_models
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('organization');
CREATE CONSTRAINT TRIGGER virtual_models_revise_identities AFTER INSERT OR DELETE OR UPDATE ON virtual_models
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
CREATE TRIGGER routing_policies_notify AFTER INSERT OR DELETE OR UPDATE ON routing_policies
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('organization');
CREATE CONSTRAINT TRIGGER routing_policies_revise_identities AFTER INSERT OR DELETE OR UPDATE ON routing_policies
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();
