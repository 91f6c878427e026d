-- Who may call: organizations, their tree of groups, members, keys and guardrails.

CREATE TABLE organizations (
    organization_id      text PRIMARY KEY CHECK (organization_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    display_name         text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    time_zone            text NOT NULL DEFAULT 'UTC',
    state                text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'SUSPENDED', 'DELETED')),
    -- STRICT reserves a token per byte of the request, BALANCED one per four bytes.
    input_estimate       text NOT NULL DEFAULT 'BALANCED' CHECK (input_estimate IN ('STRICT', 'BALANCED')),
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE groups (
    organization_id      text NOT NULL REFERENCES organizations,
    group_id             text NOT NULL CHECK (group_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    parent_group_id      text,
    -- Ids from level 1 down to this group, itself included: a call reads its whole chain from one row.
    path                 text[] NOT NULL,
    display_name         text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 200),
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, group_id),
    FOREIGN KEY (organization_id, parent_group_id) REFERENCES groups (organization_id, group_id),
    CONSTRAINT four_levels CHECK (cardinality(path) BETWEEN 1 AND 4),
    CONSTRAINT path_ends_here CHECK (path[cardinality(path)] = group_id),
    CONSTRAINT path_passes_parent CHECK (
        (parent_group_id IS NULL AND cardinality(path) = 1) OR path[cardinality(path) - 1] = parent_group_id
    )
);
CREATE INDEX groups_by_ancestor ON groups USING gin (path);

CREATE TABLE users (
    user_id              text PRIMARY KEY,
    email                text NOT NULL UNIQUE CHECK (email = lower(email) AND position('@' IN email) > 1),
    display_name         text NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE members (
    organization_id      text NOT NULL REFERENCES organizations,
    member_id            text NOT NULL CHECK (member_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_id              text NOT NULL REFERENCES users,
    -- NULL: a member of the organization itself, above every group.
    group_id             text,
    role                 text NOT NULL CHECK (role IN ('SUPER_ADMIN', 'L1_ADMIN', 'SUB_ADMIN', 'MEMBER')),
    state                text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'SUSPENDED', 'REMOVED')),
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, member_id),
    UNIQUE (organization_id, user_id),
    FOREIGN KEY (organization_id, group_id) REFERENCES groups (organization_id, group_id),
    CONSTRAINT group_admins_have_a_group CHECK (role NOT IN ('L1_ADMIN', 'SUB_ADMIN') OR group_id IS NOT NULL)
);
CREATE INDEX members_by_group ON members (organization_id, group_id);

CREATE TABLE api_keys (
    organization_id      text NOT NULL,
    api_key_id           text NOT NULL CHECK (api_key_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    member_id            text NOT NULL,
    display_name         text NOT NULL,
    -- HMAC-SHA256 under the deployment's pepper: the secret itself is shown once and never stored (INV-16).
    secret_hash          bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    obfuscated_key       text NOT NULL,
    state                text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'DISABLED', 'DELETED')),
    expire_time          timestamptz,
    create_time          timestamptz NOT NULL DEFAULT now(),
    update_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, api_key_id),
    FOREIGN KEY (organization_id, member_id) REFERENCES members (organization_id, member_id)
);
CREATE INDEX api_keys_by_member ON api_keys (organization_id, member_id);

-- What limits a scope. Every column is optional: an absent limit does not limit.
CREATE TABLE guardrails (
    organization_id      text NOT NULL REFERENCES organizations,
    scope_kind           text NOT NULL CHECK (scope_kind IN ('organization', 'group', 'member', 'api_key')),
    scope_id             text NOT NULL,
    budget_nano_credits  bigint CHECK (budget_nano_credits >= 0),
    cycle                text NOT NULL DEFAULT 'NEVER' CHECK (cycle IN ('NEVER', 'DAILY', 'WEEKLY', 'MONTHLY')),
    -- Part of the identity of the scope's budget counters; set by trigger whenever the cycle changes.
    cycle_revision       bigint NOT NULL DEFAULT 0,
    requests_per_minute  integer CHECK (requests_per_minute >= 0),
    -- Public model names; NULL allows all, an empty array none.
    model_whitelist      text[],
    key_limit            integer CHECK (key_limit >= 0),
    seat_limit           integer CHECK (seat_limit >= 0),
    update_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, scope_kind, scope_id),
    CONSTRAINT organization_scope_is_itself CHECK (scope_kind <> 'organization' OR scope_id = organization_id)
);

-- Every change of what the data plane caches is pushed to it. Payload: organization kind id.
CREATE FUNCTION notify_identity_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record;
    kind text := TG_ARGV[0];
    id text;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    id := CASE kind
        WHEN 'organization' THEN changed.organization_id
        WHEN 'guardrail' THEN to_jsonb(changed) ->> 'scope_kind' || ':' || (to_jsonb(changed) ->> 'scope_id')
        ELSE to_jsonb(changed) ->> (kind || '_id')
    END;
    PERFORM pg_notify('megarouter_identity', changed.organization_id || ' ' || kind || ' ' || id);
    RETURN NULL;
END $$;

CREATE TRIGGER organizations_notify AFTER INSERT OR UPDATE OR DELETE ON organizations
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('organization');
CREATE TRIGGER groups_notify AFTER INSERT OR UPDATE OR DELETE ON groups
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('group');
CREATE TRIGGER members_notify AFTER INSERT OR UPDATE OR DELETE ON members
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('member');
CREATE TRIGGER api_keys_notify AFTER INSERT OR UPDATE OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('api_key');
CREATE TRIGGER guardrails_notify AFTER INSERT OR UPDATE OR DELETE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION notify_identity_change('guardrail');
