-- The conversation of each routed call, and a new arm: sessions that the baseline serves so that both can be compared.

ALTER TABLE routed_calls
    -- A keyed hash, the same for all calls of a conversation. NULL if it is not known.
    ADD COLUMN session text,
    DROP CONSTRAINT routed_calls_arm_check,
    ADD CONSTRAINT routed_calls_arm_check CHECK (arm IN ('ROUTED', 'HOLDOUT', 'SHADOW', 'BASELINE', 'OVERRIDDEN'));

-- How many of 100 conversations the baseline serves for comparison. NULL: as the next wider scope says.
ALTER TABLE routing_policies ADD COLUMN holdout_percent integer CHECK (holdout_percent BETWEEN 0 AND 50);

-- As before, with the share of conversations held out at the end of each policy.
CREATE OR REPLACE FUNCTION routing_of(organization text, path text[], of_key text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN num_nonnulls(models.list, policies.list) > 0 THEN jsonb_build_array(models.list, policies.list) END
      FROM (SELECT jsonb_agg(jsonb_build_array(v.virtual_model_id, v.model_name, v.owner_kind, v.owner_id, v.candidates, v.baseline_model,
                                               v.revision, v.state = 'DISABLED', v.losses)) AS list
              FROM virtual_models v
             WHERE v.organization_id = organization AND (v.owner_kind = 'organization' OR v.owner_id = ANY (path))) AS models,
           (SELECT jsonb_agg(jsonb_build_array(p.scope_kind, p.scope_id, p.mode, p.max_loss_basis_points, p.floors, p.allow_override,
                                               p.max_price_model, p.holdout_percent)) AS list
              FROM routing_policies p
             WHERE p.organization_id = organization
               AND (p.scope_kind = 'organization' OR p.scope_kind = 'group' AND p.scope_id = ANY (path)
                    OR p.scope_kind = 'api_key' AND p.scope_id = of_key)) AS policies
$$;
