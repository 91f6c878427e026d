-- A service that starts, or that missed changes, reads again who calls: the keys that were used lately, in a few statements, before
-- their next calls come.

-- Pages that hold no late use are passed over, however many years of counters there are. A block range index costs a settlement next
-- to nothing, and from PostgreSQL 16 on leaves it free to change rows in place.
CREATE INDEX scope_spend_by_last_use ON scope_spend USING brin (last_use_time) WITH (pages_per_range = 32, autosummarize = on)
 WHERE counter LIKE 'api\_key:%';

-- The hashes of keys that were used within a day, the latest first; while both secrets of a key are good, both. A hash lets nobody in,
-- and is what `identity_of_key` is asked with. authz_service still reads neither keys nor members.
CREATE FUNCTION hashes_of_keys_used_lately(entries bigint)
RETURNS TABLE (key_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT secret.hash
      FROM (SELECT s.organization_id, split_part(s.counter, ':', 2) AS api_key_id, max(s.last_use_time) AS use_time
              FROM scope_spend s
             WHERE s.counter LIKE 'api\_key:%' AND s.last_use_time > now() - interval '1 day'
             GROUP BY 1, 2
             ORDER BY 3 DESC
             LIMIT entries) AS used
      JOIN api_keys k ON k.organization_id = used.organization_id AND k.api_key_id = used.api_key_id AND k.state <> 'DELETED'
     CROSS JOIN LATERAL (VALUES (k.secret_hash), (CASE WHEN k.previous_expire_time > now() THEN k.previous_secret_hash END))
            AS secret (hash)
     WHERE secret.hash IS NOT NULL
     ORDER BY used.use_time DESC
     LIMIT entries
$$;
REVOKE EXECUTE ON FUNCTION hashes_of_keys_used_lately(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hashes_of_keys_used_lately(bigint) TO megarouter_authz;
