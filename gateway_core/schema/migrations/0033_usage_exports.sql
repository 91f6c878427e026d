-- Files of usage that admin_service makes beside its calls. They are kept here, where each of its replicas reaches them, and for a day.
CREATE TABLE usage_exports (
    organization_id text NOT NULL REFERENCES organizations,
    export_id       text NOT NULL,
    -- Who asked for it, `users/ID` or `credentials/ID`. No one else sees it.
    requester       text NOT NULL,
    -- What the requester could see then: role, member and path of groups.
    member_id       text NOT NULL,
    role            text NOT NULL,
    group_path      text[] NOT NULL,
    -- The request as it was sent, with an end of the period: `ExportUsageRequest`.
    request         bytea NOT NULL,
    state           text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    progress_percent integer NOT NULL DEFAULT 0 CHECK (progress_percent BETWEEN 0 AND 100),
    row_count       bigint NOT NULL DEFAULT 0,
    size_bytes      bigint NOT NULL DEFAULT 0,
    part_count      integer NOT NULL DEFAULT 0,
    -- Number of the last record in the file. What makes the file goes on after it.
    last_sequence   bigint NOT NULL DEFAULT 0,
    -- NULL until the first part is made.
    ledger_position bigint,
    complete        boolean NOT NULL DEFAULT false,
    -- Of the whole file.
    sha256          text NOT NULL DEFAULT '',
    -- Why it failed: a value of `ErrorReason`, and a text.
    error_reason    text NOT NULL DEFAULT '',
    error_message   text NOT NULL DEFAULT '',
    -- How often a process has begun with it.
    attempts        integer NOT NULL DEFAULT 0,
    -- Names the process that makes the file. Another one takes over when the lease has ended.
    claim           text NOT NULL DEFAULT '',
    lease_end_time  timestamptz,
    create_time     timestamptz NOT NULL DEFAULT now(),
    start_time      timestamptz,
    end_time        timestamptz,
    -- When it is deleted, whatever its state.
    expire_time     timestamptz NOT NULL,
    PRIMARY KEY (organization_id, export_id)
);
CREATE INDEX usage_exports_waiting ON usage_exports (create_time) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX usage_exports_expiring ON usage_exports (expire_time);

-- The files, in parts of about a megabyte, each compressed (zlib).
CREATE TABLE usage_export_parts (
    organization_id text NOT NULL,
    export_id       text NOT NULL,
    -- From 0.
    part_number     integer NOT NULL,
    content         bytea NOT NULL,
    PRIMARY KEY (organization_id, export_id, part_number),
    FOREIGN KEY (organization_id, export_id) REFERENCES usage_exports ON DELETE CASCADE
);
ALTER TABLE usage_export_parts ALTER COLUMN content SET STORAGE EXTERNAL;

CALL divide_by_organization('usage_exports');
CALL divide_by_organization('usage_export_parts');

-- The exports that no process makes, the first of each organization first, so that none waits for all of another one.
CREATE FUNCTION usage_exports_waiting(most integer) RETURNS TABLE (organization_id text, export_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.organization_id, w.export_id
      FROM (SELECT e.organization_id, e.export_id, e.create_time, e.state, e.lease_end_time,
                   row_number() OVER (PARTITION BY e.organization_id ORDER BY e.create_time) AS place
              FROM usage_exports e WHERE e.state IN ('QUEUED', 'RUNNING') AND e.expire_time > now()) w
     WHERE w.state = 'QUEUED' OR w.lease_end_time < now()
     ORDER BY w.place, w.create_time LIMIT most
$$;

CREATE FUNCTION usage_exports_expired(most integer) RETURNS TABLE (organization_id text, export_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.organization_id, e.export_id FROM usage_exports e WHERE e.expire_time <= now() ORDER BY e.expire_time LIMIT most
$$;
