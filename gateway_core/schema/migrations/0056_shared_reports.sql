-- A link with which anyone opens a report until it expires. The hash is that of the link's secret, which is not stored.
ALTER TABLE usage_exports ADD share_hash bytea, ADD share_expire_time timestamptz;
CREATE UNIQUE INDEX usage_exports_shared ON usage_exports (share_hash) WHERE share_hash IS NOT NULL;

-- Finds the report of a link in whichever organization it is, and who shares it.
CREATE FUNCTION shared_export_of_secret(hash bytea) RETURNS TABLE (organization_id text, export_id text, user_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.organization_id, e.export_id, substr(e.requester, length('users/') + 1)
      FROM usage_exports e
     WHERE e.share_hash = hash AND e.share_expire_time > now() AND e.expire_time > now() AND e.requester LIKE 'users/%'
$$;
