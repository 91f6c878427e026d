-- Whether calls that carry an organization's own key may go on to deployments at which they would carry the gateway's credential. The
-- default keeps them to the organization's own keys.
ALTER TABLE organization_provider_credentials ADD COLUMN gateway_fallback boolean NOT NULL DEFAULT false;

-- The organization's live keys by provider, each with its id and whether it allows that; NULL if it has none.
CREATE OR REPLACE FUNCTION own_credentials_of(organization text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT jsonb_object_agg(c.provider_id, jsonb_build_array(c.credential_id, c.gateway_fallback))
      FROM organization_provider_credentials c
     WHERE c.organization_id = organization AND c.live
$$;
