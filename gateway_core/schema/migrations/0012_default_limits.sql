-- What the guardrails of new members and new keys begin with, by the organization or group that names it. The limits are by name:
-- "budget": [nano-credits, cycle], "requests_per_minute", "tokens_per_minute", "concurrency_limit", "key_limit": numbers,
-- "model_whitelist": entries, "rate_limits": as guardrails.rate_rules.
CREATE TABLE guardrail_defaults (
    organization_id  text NOT NULL REFERENCES organizations,
    scope_kind       text NOT NULL CHECK (scope_kind IN ('organization', 'group')),
    -- The id of the organization or group.
    scope_id         text NOT NULL,
    -- The last part of the resource name.
    default_id       text COLLATE "C" NOT NULL
        GENERATED ALWAYS AS (CASE scope_kind WHEN 'organization' THEN 'organization' ELSE 'group-' || scope_id END) STORED,
    member_limits    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(member_limits) = 'object'),
    key_limits       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(key_limits) = 'object'),
    update_time      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, scope_kind, scope_id),
    CONSTRAINT organization_default_is_its_own CHECK (scope_kind <> 'organization' OR scope_id = organization_id)
);
CALL divide_by_organization('guardrail_defaults');
CREATE INDEX guardrail_defaults_by_name ON guardrail_defaults (organization_id, default_id);

-- The limits that a default set and no one has changed since, with the place of the default: '' for the organization, or a group's id.
ALTER TABLE guardrails ADD COLUMN set_by_default jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(set_by_default) = 'object');
