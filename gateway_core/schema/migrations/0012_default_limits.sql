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

-- When a budget is reported although nothing is stopped: {"percent": of the budget} or {"amount": nano-credits}, and {"soft_only": true}
-- if the budget refuses nothing. NULL: never, and it refuses.
ALTER TABLE guardrails ADD COLUMN soft_budget jsonb CHECK (jsonb_typeof(soft_budget) = 'object');
-- Whether a guardrail of the organization has a threshold. Settlement looks for crossings only then.
ALTER TABLE ledger_heads ADD COLUMN has_soft_budgets boolean NOT NULL DEFAULT false;

-- The spend of a period has reached the threshold: once for each period, written with the settlement that reached it.
CREATE TABLE budget_events (
    organization_id         text NOT NULL REFERENCES organizations,
    -- The period, as scope_spend names it.
    counter                 text NOT NULL,
    threshold_nano_credits  bigint NOT NULL,
    spent_nano_credits      bigint NOT NULL,
    create_time             timestamptz NOT NULL DEFAULT now(),
    -- When it was delivered. NULL: it waits.
    deliver_time            timestamptz,
    PRIMARY KEY (organization_id, counter)
);
CALL divide_by_organization('budget_events');
CREATE INDEX budget_events_waiting ON budget_events (organization_id, create_time) WHERE deliver_time IS NULL;

-- Returns the spend at which a budget is reported; NULL if it is not.
CREATE FUNCTION soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN soft_budget ? 'amount' THEN (soft_budget ->> 'amount')::bigint
                WHEN soft_budget ? 'percent'
                THEN ceil(coalesce((temporary_limit_now(temporary_limit) ->> 'budget_nano_credits')::numeric, budget)
                          * (soft_budget ->> 'percent')::numeric / 100)::bigint END
$$;

-- Keeps the mark of the ledger. The lock on the head makes settlements wait until this transaction commits.
CREATE FUNCTION mark_soft_budgets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.soft_budget IS NULL) = (OLD.soft_budget IS NULL) OR TG_OP = 'INSERT' AND NEW.soft_budget IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE ledger_heads SET has_soft_budgets = EXISTS (
        SELECT FROM guardrails r WHERE r.organization_id = NEW.organization_id AND r.soft_budget IS NOT NULL)
     WHERE organization_id = NEW.organization_id;
    RETURN NULL;
END $$;
CREATE TRIGGER guardrails_mark_soft_budgets AFTER INSERT OR UPDATE ON guardrails FOR EACH ROW EXECUTE FUNCTION mark_soft_budgets();

-- Further budgets, each for some models: [[whitelist entry, nano-credits], ...]. They have the cycle of the guardrail.
ALTER TABLE guardrails ADD COLUMN model_budgets jsonb NOT NULL DEFAULT '[]'
    CHECK (jsonb_typeof(model_budgets) = 'array' AND jsonb_array_length(model_budgets) <= 16);

-- As before, with more limits of a guardrail: {"temporary": ..., "soft": ..., "models": [...]}, each if it has any.
CREATE FUNCTION more_limits_of(temporary_limit jsonb, soft_budget jsonb, model_budgets jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT nullif(jsonb_strip_nulls(jsonb_build_object('temporary', temporary_limit_now(temporary_limit), 'soft', soft_budget,
                                                       'models', nullif(model_budgets, '[]'))), '{}')
$$;

CREATE OR REPLACE FUNCTION identity_of_key(key_hash bytea)
RETURNS TABLE (
    organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s float8, member_active boolean,
    group_path text[], organization_active boolean, time_zone text, input_estimate text, budget_mode text, guardrails jsonb,
    secret_replaced boolean, ip_allow_list text[], revision bigint, more_limits jsonb
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.organization_id, k.api_key_id, k.member_id, k.state = 'ACTIVE',
           extract(epoch FROM least(k.expire_time, CASE WHEN found.replaced THEN k.previous_expire_time END))::float8,
           m.state = 'ACTIVE', coalesce(g.path, '{}'), o.state = 'ACTIVE', o.time_zone, o.input_estimate, o.budget_mode,
           coalesce(above.guardrails, '[]'), found.replaced, k.ip_allow_list::text[],
           coalesce((SELECT v.revision FROM identity_revisions v WHERE v.organization_id = k.organization_id), 0),
           above.more_limits
      FROM (SELECT c.organization_id, c.api_key_id, false AS replaced FROM api_keys c WHERE c.secret_hash = key_hash
            UNION ALL
            SELECT p.organization_id, p.api_key_id, true FROM api_keys p WHERE p.previous_secret_hash = key_hash
            LIMIT 1) AS found
      JOIN api_keys k ON k.organization_id = found.organization_id AND k.api_key_id = found.api_key_id
      JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
      JOIN organizations o ON o.organization_id = k.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
     CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle, r.cycle_revision,
                                           r.requests_per_minute, r.model_whitelist, r.mode, r.tokens_per_minute,
                                           r.concurrency_limit, r.rate_rules)) AS guardrails,
               jsonb_object_agg(r.scope_kind || ':' || r.scope_id, m.more) FILTER (WHERE m.more IS NOT NULL) AS more_limits
          FROM guardrails r
         CROSS JOIN LATERAL (SELECT more_limits_of(r.temporary_limit, r.soft_budget, r.model_budgets) AS more) AS m
         WHERE r.organization_id = k.organization_id
           AND ((r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id)
                OR (r.scope_kind = 'member' AND r.scope_id = k.member_id)
                OR (r.scope_kind = 'group' AND r.scope_id = ANY (g.path))
                OR r.scope_kind = 'organization')) AS above
     WHERE k.state <> 'DELETED'
$$;

-- What the budgets for some models of a guardrail have spent and hold in the current period: {entry: [spent, held], ...}.
CREATE FUNCTION present_model_use(organization text, of_kind text, of_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(p.models, jsonb_build_array(coalesce(s.settled_nano_credits, 0),
               (SELECT coalesce(sum(h.amount_nano_credits), 0)::bigint FROM holds h
                 WHERE h.state = 'HELD' AND h.organization_id = organization AND h.counters @> ARRAY[p.counter]))), '{}')
      FROM (SELECT b.models,
                   -- Entries have no other characters that are percent-encoded.
                   concat_ws(':', of_kind, of_id, r.cycle, extract(epoch FROM cycle_start(r.cycle, o.time_zone))::bigint,
                             r.cycle_revision, replace(replace(replace(replace(b.models, '/', '%2F'), ':', '%3A'), '@', '%40'),
                                                       '*', '%2A')) AS counter
              FROM guardrails r
              JOIN organizations o ON o.organization_id = r.organization_id
             CROSS JOIN LATERAL (SELECT budget ->> 0 AS models FROM jsonb_array_elements(r.model_budgets) AS budget) AS b
             WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;
