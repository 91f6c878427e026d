-- The exports that no process makes. Organizations take turns: first come those for whom the fewest are being made, then those whose
-- last one began longest ago. Before, a process that makes one file after the other began with all files of one organization.
CREATE OR REPLACE FUNCTION usage_exports_waiting(most integer) RETURNS TABLE (organization_id text, export_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.organization_id, w.export_id
      FROM (SELECT e.organization_id, e.export_id, e.create_time, e.state, e.lease_end_time,
                   row_number() OVER (PARTITION BY e.organization_id ORDER BY e.create_time) AS place
              FROM usage_exports e WHERE e.state IN ('QUEUED', 'RUNNING') AND e.expire_time > now()) w
     CROSS JOIN LATERAL (SELECT max(b.start_time) AS time FROM usage_exports b WHERE b.organization_id = w.organization_id) last_begun
     WHERE w.state = 'QUEUED' OR w.lease_end_time < now()
     ORDER BY w.place, last_begun.time NULLS FIRST, w.create_time LIMIT most
$$;
