-- From what share of a budget on calls to virtual models go to a cheaper model. NULL: as the next wider scope says.
ALTER TABLE routing_policies ADD COLUMN degrade_at_percent integer CHECK (degrade_at_percent BETWEEN 1 AND 99);

-- As before, with that share at the end of each policy.
CREATE OR REPLACE FUNCTION routing_of(organization text, path text[], of_key text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN num_nonnulls(models.list, policies.list) > 0 THEN jsonb_build_array(models.list, policies.list) END
      FROM (SELECT jsonb_agg(jsonb_build_array(v.virtual_model_id, v.model_name, v.owner_kind, v.owner_id, v.candidates, v.baseline_model,
                                               v.revision, v.state = 'DISABLED', v.losses)) AS list
              FROM virtual_models v
             WHERE v.organization_id = organization AND (v.owner_kind = 'organization' OR v.owner_id = ANY (path))) AS models,
           (SELECT jsonb_agg(jsonb_build_array(p.scope_kind, p.scope_id, p.mode, p.max_loss_basis_points, p.floors, p.allow_override,
                                               p.max_price_model, p.holdout_percent, p.degrade_at_percent)) AS list
              FROM routing_policies p
             WHERE p.organization_id = organization
               AND (p.scope_kind = 'organization' OR p.scope_kind = 'group' AND p.scope_id = ANY (path)
                    OR p.scope_kind = 'api_key' AND p.scope_id = of_key)) AS policies
$$;
