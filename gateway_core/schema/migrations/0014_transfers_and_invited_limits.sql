-- A key can be transferred to another owner. What its answers handed out goes with it: an id belongs to the present owner of the key.
ALTER TABLE stored_objects
    -- The key of the call whose answer handed out the id. NULL: registered by an operator, or stored before this column; the id then
    -- stays with its member.
    ADD COLUMN api_key_id text;

CREATE OR REPLACE FUNCTION stored_objects_of(of_organization text, of_member text, of_provider text, kinds text[], object_ids text[])
RETURNS TABLE (provider_id text, kind text, object_id text, response_id text, requested_model text, tokens bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.provider_id, s.kind, s.object_id, s.response_id, s.requested_model, s.tokens
      FROM unnest(kinds, object_ids) AS asked (kind, object_id)
      JOIN stored_objects s ON s.object_id = asked.object_id AND s.kind = asked.kind
      LEFT JOIN api_keys k ON k.organization_id = s.organization_id AND k.api_key_id = s.api_key_id
     WHERE s.organization_id = of_organization AND coalesce(k.member_id, s.member_id) IN (of_member, '') AND s.expire_time > now()
       AND (of_provider IS NULL OR s.provider_id = of_provider)
$$;

CREATE OR REPLACE FUNCTION end_stored_object(of_organization text, of_member text, of_provider text, of_kind text, of_object_id text)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH ended AS (
        UPDATE stored_objects s SET expire_time = least(s.expire_time, now() + interval '5 minutes')
         WHERE s.object_id = of_object_id AND s.kind = of_kind AND s.provider_id = of_provider AND s.registered_for = ''
           AND s.organization_id = of_organization AND s.expire_time > now()
           AND coalesce((SELECT k.member_id FROM api_keys k
                          WHERE k.organization_id = s.organization_id AND k.api_key_id = s.api_key_id), s.member_id) = of_member
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM ended)
$$;

-- The limits that the guardrail of whoever accepts the invite begins with, by column of `guardrails`.
ALTER TABLE invites ADD COLUMN member_limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(member_limits) = 'object');
