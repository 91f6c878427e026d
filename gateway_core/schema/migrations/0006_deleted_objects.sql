-- Ends the time of an object that its member deletes at the provider: in five minutes, so that a deletion that failed can be repeated.
-- Returns whether the member has such an object from an answer. What an operator registered belongs to others too, so it stays.
CREATE FUNCTION end_stored_object(of_organization text, of_member text, of_provider text, of_kind text, of_object_id text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH ended AS (
        UPDATE stored_objects SET expire_time = least(expire_time, now() + interval '5 minutes')
         WHERE object_id = of_object_id AND kind = of_kind AND provider_id = of_provider AND registered_for = ''
           AND organization_id = of_organization AND member_id = of_member AND expire_time > now()
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM ended)
$$;
