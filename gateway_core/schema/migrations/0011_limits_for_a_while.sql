-- Limits that are in force until a time, in place of the guardrail's own: {"end_us": microseconds since the epoch, then any of
-- "budget_nano_credits", "requests_per_minute", "tokens_per_minute", "concurrency_limit"}. Nothing is written when the time has come.
ALTER TABLE guardrails ADD COLUMN temporary_limit jsonb
    CHECK (jsonb_typeof(temporary_limit) = 'object' AND temporary_limit ? 'end_us');

-- Returns a temporary limit while it is in force, by the clock of this server.
CREATE FUNCTION temporary_limit_now(temporary_limit jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (temporary_limit ->> 'end_us')::bigint > extract(epoch FROM now()) * 1000000 THEN temporary_limit END
$$;

-- Returns the bounds of a key without those of temporary limits that have ended.
CREATE FUNCTION bounds_now(bounds jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN NOT bounds ? 'temporary_limit' THEN bounds ELSE
        (bounds - 'temporary_limit') || coalesce(
            (SELECT jsonb_build_object('temporary_limit', jsonb_object_agg(b.place, b.bound))
               FROM jsonb_each(bounds -> 'temporary_limit') AS b (place, bound)
              WHERE temporary_limit_now(b.bound) IS NOT NULL
             HAVING count(*) > 0), '{}')
    END
$$;

DROP FUNCTION identity_of_key(bytea);

-- Returns the identity of a key to a caller that has the hash of either secret. There is no other way from a key to its owner.
-- Guardrails: [[scope kind, scope id, budget, cycle, revision, requests per minute, whitelist, mode, tokens per minute, concurrency
-- limit, rate rules], ...]. More limits: {"scope kind:scope id": {"temporary": temporary limit}, ...}, NULL if no guardrail has any.
CREATE FUNCTION identity_of_key(key_hash bytea)
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
               jsonb_object_agg(r.scope_kind || ':' || r.scope_id, jsonb_build_object('temporary', r.temporary_limit))
                   FILTER (WHERE temporary_limit_now(r.temporary_limit) IS NOT NULL) AS more_limits
          FROM guardrails r
         WHERE r.organization_id = k.organization_id
           AND ((r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id)
                OR (r.scope_kind = 'member' AND r.scope_id = k.member_id)
                OR (r.scope_kind = 'group' AND r.scope_id = ANY (g.path))
                OR r.scope_kind = 'organization')) AS above
     WHERE k.state <> 'DELETED'
$$;

-- When the budget was last reset by hand. What was placed before does not count on it anymore.
ALTER TABLE guardrails ADD COLUMN reset_time timestamptz;
-- The cycle revision of the last change that carried spend over: of the cycle or the time zone, but not of a reset. NULL: the cycle
-- revision itself.
ALTER TABLE guardrails ADD COLUMN carry_revision bigint;
-- Since when the calls count that a changed cycle carried over. NULL: since the start of its period.
ALTER TABLE scope_spend ADD COLUMN carried_since timestamptz;

CREATE OR REPLACE FUNCTION set_cycle_revision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.cycle <> OLD.cycle OR NEW.cycle_revision <> OLD.cycle_revision THEN
        NEW.cycle_revision := nextval('cycle_revisions');
        NEW.carry_revision := NEW.cycle_revision;
    ELSIF NEW.reset_time IS DISTINCT FROM OLD.reset_time THEN
        NEW.carry_revision := coalesce(OLD.carry_revision, OLD.cycle_revision);
        NEW.cycle_revision := nextval('cycle_revisions');
    END IF;
    RETURN NEW;
END $$;

-- A new cycle begins with what was already spent in it. A reset begins at zero, and calls that are under way keep to the period in
-- which they were placed, as when a period ends by itself.
CREATE OR REPLACE FUNCTION carry_spend_over() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    start timestamptz;
    since timestamptz;
    head bigint;
BEGIN
    IF TG_OP = 'UPDATE'
       AND coalesce(NEW.carry_revision, NEW.cycle_revision) = coalesce(OLD.carry_revision, OLD.cycle_revision) THEN
        RETURN NULL;
    END IF;
    -- The lock on the head makes settlements wait until this transaction commits.
    UPDATE ledger_heads SET cycle_change_time = clock_timestamp() WHERE organization_id = NEW.organization_id
        RETURNING sequence INTO head;
    SELECT cycle_start(NEW.cycle, time_zone) INTO start FROM organizations WHERE organization_id = NEW.organization_id;
    since := greatest(start, NEW.reset_time);
    INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, carried_nano_credits,
                             carried_call_count, carried_sequence, carried_since)
    SELECT NEW.organization_id,
           concat_ws(':', NEW.scope_kind, NEW.scope_id, NEW.cycle, extract(epoch FROM start)::bigint, NEW.cycle_revision),
           spent.amount, spent.calls, spent.amount, spent.calls, head, NEW.reset_time
      FROM (SELECT coalesce(sum(u.charge_nano_credits + coalesce(c.delta_nano_credits, 0)), 0) AS amount,
                   count(*) FILTER (WHERE coalesce(c.outcome, u.outcome) <> 'VOIDED') AS calls
              FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
             WHERE u.organization_id = NEW.organization_id AND u.place_time >= since
               AND CASE NEW.scope_kind
                       WHEN 'organization' THEN true
                       WHEN 'group' THEN NEW.scope_id = ANY (u.group_path)
                       WHEN 'member' THEN u.member_id = NEW.scope_id
                       ELSE u.api_key_id = NEW.scope_id
                   END) AS spent;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION present_use(organization text, of_kind text, of_id text)
RETURNS TABLE (period_start_time timestamptz, time_zone text, spent_nano_credits bigint, held_nano_credits bigint, call_count bigint,
               shadow_refusal_count bigint)
LANGUAGE sql STABLE AS $$
    SELECT greatest(p.start, p.reset_time), p.time_zone, coalesce(s.settled_nano_credits, 0),
           (SELECT coalesce(sum(h.amount_nano_credits), 0)::bigint FROM holds h
             WHERE h.state = 'HELD' AND h.organization_id = organization AND h.counters @> ARRAY[p.counter]),
           coalesce(s.call_count, 0), coalesce(s.shadow_refusal_count, 0)
      FROM (SELECT q.time_zone, q.start, q.reset_time,
                   concat_ws(':', of_kind, of_id, q.cycle, extract(epoch FROM q.start)::bigint, q.cycle_revision) AS counter
              FROM (SELECT o.time_zone, coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS cycle_revision,
                           cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone) AS start, r.reset_time
                      FROM organizations o
                      LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = of_kind AND r.scope_id = of_id
                     WHERE o.organization_id = organization) AS q) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;
