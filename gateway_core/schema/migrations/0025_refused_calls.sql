-- How many calls were refused, by minute. Statistics, not part of the books: they may miss calls when a process or a connection dies.
-- usage_service adds to it at most once a second, writes a bounded number of rows for each minute, and deletes old ones.
CREATE TABLE refused_calls (
    organization_id text NOT NULL REFERENCES organizations,
    minute          timestamptz NOT NULL,
    -- The code of the error.
    reason          text NOT NULL CHECK (length(reason) BETWEEN 1 AND 64),
    -- The scope whose guardrail refused; empty if none did.
    scope_kind      text NOT NULL CHECK (scope_kind IN ('', 'api_key', 'member', 'group', 'organization')),
    scope_id        text NOT NULL,
    -- Empty for the calls of a minute that had too many callers to tell apart, as the columns below.
    member_id       text NOT NULL,
    api_key_id      text NOT NULL,
    group_path      text[] NOT NULL,
    call_count      bigint NOT NULL CHECK (call_count > 0),
    PRIMARY KEY (organization_id, minute, reason, scope_kind, scope_id, member_id, api_key_id, group_path)
);
CREATE INDEX refused_calls_by_age ON refused_calls (minute);
CALL divide_by_organization('refused_calls');
