-- Use cases that went back to the baseline, because their routed conversations were measured to be worse than allowed.

CREATE TABLE routing_returns (
    organization_id       text NOT NULL REFERENCES organizations,
    return_id             text NOT NULL,
    virtual_model_id      text NOT NULL,
    use_case              text NOT NULL,
    -- What was measured: the share of rated conversations with a bad rating, or of those in which something went wrong.
    measure               text NOT NULL CHECK (measure IN ('rated_bad', 'troubled')),
    -- Conversations: all, and those that are bad.
    routed_count          bigint NOT NULL,
    routed_bad            bigint NOT NULL,
    held_out_count        bigint NOT NULL,
    held_out_bad          bigint NOT NULL,
    -- How much more often it went wrong in routed conversations, the lower end of its interval, and what is allowed.
    loss_basis_points     integer NOT NULL,
    low_basis_points      integer NOT NULL,
    allowed_basis_points  integer NOT NULL,
    return_time           timestamptz NOT NULL DEFAULT now(),
    -- NULL while the baseline serves the use case.
    lift_time             timestamptz,
    PRIMARY KEY (organization_id, return_id)
);
CREATE UNIQUE INDEX routing_returns_one_in_force ON routing_returns (organization_id, virtual_model_id, use_case) WHERE lift_time IS NULL;
CREATE INDEX routing_returns_by_time ON routing_returns (organization_id, return_time);
CALL divide_by_organization('routing_returns');

-- They are part of every identity of the organization.
CREATE TRIGGER routing_returns_notify AFTER INSERT OR DELETE OR UPDATE ON routing_returns
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('organization');
CREATE CONSTRAINT TRIGGER routing_returns_revise_identities AFTER INSERT OR DELETE OR UPDATE ON routing_returns
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revise_identities_of_row();

-- As before, with the use cases that went back to the baseline at the end of each model.
CREATE OR REPLACE FUNCTION routing_of(organization text, path text[], of_key text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN num_nonnulls(models.list, policies.list) > 0 THEN jsonb_build_array(models.list, policies.list) END
      FROM (SELECT jsonb_agg(jsonb_build_array(v.virtual_model_id, v.model_name, v.owner_kind, v.owner_id, v.candidates, v.baseline_model,
                                               v.revision, v.state = 'DISABLED', v.losses,
                                               (SELECT coalesce(jsonb_agg(r.use_case ORDER BY r.use_case), '[]')
                                                  FROM routing_returns r
                                                 WHERE r.organization_id = v.organization_id
                                                   AND r.virtual_model_id = v.virtual_model_id AND r.lift_time IS NULL))) AS list
              FROM virtual_models v
             WHERE v.organization_id = organization AND (v.owner_kind = 'organization' OR v.owner_id = ANY (path))) AS models,
           (SELECT jsonb_agg(jsonb_build_array(p.scope_kind, p.scope_id, p.mode, p.max_loss_basis_points, p.floors, p.allow_override,
                                               p.max_price_model, p.holdout_percent, p.degrade_at_percent)) AS list
              FROM routing_policies p
             WHERE p.organization_id = organization
               AND (p.scope_kind = 'organization' OR p.scope_kind = 'group' AND p.scope_id = ANY (path)
                    OR p.scope_kind = 'api_key' AND p.scope_id = of_key)) AS policies
$$;
