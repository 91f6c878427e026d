-- Rollover: what is left of a budget at the end of a period is carried into the next.

-- {}: at most one period's budget is carried; {"cap": nano-credits}: at most this. NULL: nothing is carried.
ALTER TABLE guardrails ADD COLUMN rollover jsonb CHECK (jsonb_typeof(rollover) = 'object');

-- What a period begins with, written once for each period of a budget with rollover and never changed:
--
--   carried into it = min(cap, max(0, base - what the period before has spent and holds))
--
-- The base is the budget of the period before and what was carried into that one. The period before is a counter like any other, so a
-- call of it that settles late, or a correction, changes what is carried, in Redis and here alike.
CREATE TABLE budget_carries (
    organization_id   text NOT NULL REFERENCES organizations,
    -- The period, as scope_spend names it.
    counter           text NOT NULL,
    -- The counter without its period: scope and models.
    budget            text NOT NULL,
    revision          bigint NOT NULL,
    -- Epoch seconds.
    period_start      bigint NOT NULL,
    base_nano_credits bigint NOT NULL CHECK (base_nano_credits >= 0),
    cap_nano_credits  bigint NOT NULL CHECK (cap_nano_credits >= 0),
    -- The counter of the period before. NULL: the base is carried as it is, because a time zone changed in between.
    previous          text,
    -- The revision with which the budget began at nothing carried. Periods of one lineage depend on each other.
    lineage           bigint NOT NULL,
    create_time       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, counter)
);
CREATE INDEX budget_carries_by_period ON budget_carries (organization_id, budget, lineage, revision, period_start);
CALL divide_by_organization('budget_carries');

-- The latest period of the organization into which something is carried. Settlement looks for what depends on older calls only then.
ALTER TABLE ledger_heads ADD COLUMN last_carry_start timestamptz;

CREATE FUNCTION mark_carries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE ledger_heads SET last_carry_start = greatest(last_carry_start, to_timestamp(NEW.period_start))
     WHERE organization_id = NEW.organization_id;
    RETURN NULL;
END $$;
CREATE TRIGGER budget_carries_mark AFTER INSERT ON budget_carries FOR EACH ROW EXECUTE FUNCTION mark_carries();

-- Returns when the period of a cycle began that contains an instant.
CREATE FUNCTION cycle_start_at(cycle text, time_zone text, instant timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN cycle = 'NEVER' THEN 'epoch'::timestamptz ELSE (
        -- If clocks go back across midnight, midnight occurs twice. The period starts at the first one.
        SELECT min(start - earlier)
          FROM date_trunc(CASE cycle WHEN 'DAILY' THEN 'day' WHEN 'WEEKLY' THEN 'week' ELSE 'month' END, instant, time_zone) AS start,
               unnest(ARRAY[interval '0', interval '30 minutes', interval '1 hour']) AS earlier
         WHERE (start - earlier) AT TIME ZONE time_zone = start AT TIME ZONE time_zone
    ) END
$$;
CREATE OR REPLACE FUNCTION cycle_start(cycle text, time_zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT cycle_start_at(cycle, time_zone, now())
$$;

-- Returns a whitelist entry as counters name it. Entries have no other characters that are percent-encoded.
CREATE FUNCTION encoded_models(models text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(replace(replace(replace(models, '/', '%2F'), ':', '%3A'), '@', '%40'), '*', '%2A')
$$;

-- Returns the name of a counter. `models` is encoded; '' for all models.
CREATE FUNCTION counter_name(kind text, id text, cycle text, start timestamptz, revision bigint, models text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat_ws(':', kind, id, cycle, extract(epoch FROM start)::bigint, revision, nullif(models, ''))
$$;

-- Returns a counter without its period.
CREATE FUNCTION budget_of_counter(counter text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws(':', split_part(counter, ':', 1), split_part(counter, ':', 2), nullif(split_part(counter, ':', 6), ''))
$$;

-- Returns the budgets of a guardrail for some models. They are stored as [models, nano-credits, options]. Options, which may be absent:
-- "cycle", for its own instead of the guardrail's; "revision" of that cycle, as guardrails.cycle_revision; "soft", as
-- guardrails.soft_budget; "rollover", as guardrails.rollover.
CREATE FUNCTION model_budgets_of(r guardrails)
RETURNS TABLE (entry text, models text, budget bigint, options jsonb, cycle text, revision bigint)
LANGUAGE sql STABLE AS $$
    SELECT b ->> 0, encoded_models(b ->> 0), (b ->> 1)::bigint, coalesce(b -> 2, '{}'), coalesce(b -> 2 ->> 'cycle', r.cycle),
           CASE WHEN b -> 2 ? 'cycle' THEN (b -> 2 ->> 'revision')::bigint ELSE r.cycle_revision END
      FROM jsonb_array_elements(r.model_budgets) AS b
$$;

-- Returns the budgets of a guardrail that carry something over, with the largest amount that they carry.
CREATE FUNCTION rollover_budgets(r guardrails)
RETURNS TABLE (models text, budget bigint, cap bigint, cycle text, revision bigint, soonest_budget bigint)
LANGUAGE sql STABLE AS $$
    SELECT '', r.budget_nano_credits, coalesce((r.rollover ->> 'cap')::bigint, r.budget_nano_credits), r.cycle, r.cycle_revision,
           (r.temporary_limit ->> 'budget_nano_credits')::bigint
     WHERE r.rollover IS NOT NULL AND r.budget_nano_credits IS NOT NULL AND r.cycle <> 'NEVER'
    UNION ALL
    SELECT b.models, b.budget, coalesce((b.options -> 'rollover' ->> 'cap')::bigint, b.budget), b.cycle, b.revision, NULL
      FROM model_budgets_of(r) b
     WHERE b.options ? 'rollover' AND b.cycle <> 'NEVER'
$$;

-- Returns what a counter has spent and holds.
CREATE FUNCTION used_of(organization text, of_counter text) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT settled_nano_credits FROM scope_spend WHERE organization_id = organization AND counter = of_counter), 0)::numeric
         + (SELECT coalesce(sum(amount_nano_credits), 0) FROM holds
             WHERE state = 'HELD' AND organization_id = organization AND counters @> ARRAY[of_counter])
$$;

CREATE FUNCTION carried_of(organization text, base bigint, cap bigint, previous text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN base = 0 OR previous IS NULL THEN least(cap, base)
                ELSE least(cap, greatest(0, base - used_of(organization, previous)))::bigint END
$$;

-- Returns base and cap of a period: those on record, or those that `open_carry` would record now. `of_previous` is the counter of the
-- period before, `in_zone` the time zone of the periods if it is not the organization's.
CREATE FUNCTION carry_terms(organization text, of_counter text, of_previous text, in_zone text DEFAULT NULL)
RETURNS TABLE (base bigint, cap bigint, lineage bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    last budget_carries;
    own record;
    start bigint := split_part(of_counter, ':', 4);
    of_revision bigint := split_part(of_counter, ':', 5);
    zone text;
    periods integer;
    carried numeric;
BEGIN
    SELECT * INTO last FROM budget_carries c WHERE c.organization_id = organization AND c.counter = of_counter;
    IF FOUND THEN
        RETURN QUERY SELECT last.base_nano_credits, last.cap_nano_credits, last.lineage;
        RETURN;
    END IF;
    -- A temporary budget that is smaller and in force when the period ends is what the period had.
    SELECT b.cap, b.cycle, least(b.budget, CASE WHEN (r.temporary_limit ->> 'end_us')::bigint > start * 1000000 THEN b.soonest_budget END)
               AS budget
      INTO own
      FROM guardrails r CROSS JOIN LATERAL rollover_budgets(r) b
     WHERE r.organization_id = organization AND r.scope_kind = split_part(of_counter, ':', 1)
       AND r.scope_id = split_part(of_counter, ':', 2) AND b.models = split_part(of_counter, ':', 6)
       AND b.cycle = split_part(of_counter, ':', 3) AND b.revision = of_revision;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- A budget has rollover since the latest period on record, and its amount has not changed since: both changes record the period in
    -- which they are made. No call was made in the periods in between, because a call records its period.
    SELECT * INTO last FROM budget_carries c
     WHERE c.organization_id = organization AND c.budget = budget_of_counter(of_counter) AND c.revision = of_revision
       AND c.period_start < start
     ORDER BY c.period_start DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 0::bigint, own.cap, of_revision;
        RETURN;
    END IF;
    SELECT coalesce(in_zone, o.time_zone) INTO zone FROM organizations o WHERE o.organization_id = organization;
    periods := periods_between(own.cycle, (to_timestamp(last.period_start) AT TIME ZONE zone)::date,
                               (to_timestamp(start) AT TIME ZONE zone)::date);
    carried := carried_of(organization, last.base_nano_credits, last.cap_nano_credits, last.previous);
    IF periods > 1 THEN
        carried := least(own.cap, greatest(0, own.budget + carried - used_of(organization, last.counter)));
        carried := least(own.cap, carried + (periods - 2)::numeric * own.budget);
    END IF;
    RETURN QUERY SELECT least(own.budget + carried, 9223372036854775807)::bigint, own.cap, last.lineage;
END $$;

-- Returns how many periods after a period's first day another one begins.
CREATE FUNCTION periods_between(cycle text, first date, other date) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE cycle WHEN 'DAILY' THEN other - first
                      WHEN 'WEEKLY' THEN (other - first) / 7
                      ELSE 12 * (extract(year FROM other) - extract(year FROM first))::integer
                           + (extract(month FROM other) - extract(month FROM first))::integer END
$$;

-- Records what a period begins with, once, and returns it. The lock on the head makes settlements wait.
CREATE FUNCTION open_carry(organization text, of_counter text, of_previous text) RETURNS TABLE (base bigint, cap bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT organization = ANY (string_to_array(current_setting('megarouter.organizations', true), ',')) THEN
        RAISE EXCEPTION 'not acting for this organization' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY SELECT * FROM recorded_carry(organization, of_counter, of_previous);
END $$;

CREATE FUNCTION recorded_carry(organization text, of_counter text, of_previous text, in_zone text DEFAULT NULL) RETURNS TABLE (base bigint, cap bigint)
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM budget_carries c WHERE c.organization_id = organization AND c.counter = of_counter) THEN
        PERFORM FROM ledger_heads WHERE organization_id = organization FOR UPDATE;
        INSERT INTO budget_carries
        SELECT organization, of_counter, budget_of_counter(of_counter), split_part(of_counter, ':', 5)::bigint,
               split_part(of_counter, ':', 4)::bigint, t.base, t.cap, of_previous, t.lineage
          FROM carry_terms(organization, of_counter, of_previous, in_zone) t
        ON CONFLICT (organization_id, counter) DO NOTHING;
    END IF;
    RETURN QUERY SELECT c.base_nano_credits, c.cap_nano_credits FROM budget_carries c
                  WHERE c.organization_id = organization AND c.counter = of_counter;
END $$;

CREATE FUNCTION carries_over(r guardrails) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT r.rollover IS NOT NULL OR jsonb_path_exists(r.model_budgets, '$[*][2].rollover')
$$;

-- Records what the present periods of a guardrail's budgets begin with.
CREATE FUNCTION record_carries(r guardrails, time_zone text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM recorded_carry(r.organization_id, counter_name(r.scope_kind, r.scope_id, b.cycle, b.start, b.revision, b.models),
                           counter_name(r.scope_kind, r.scope_id, b.cycle,
                                        cycle_start_at(b.cycle, time_zone, b.start - interval '1 second'), b.revision, b.models),
                           time_zone)
       FROM (SELECT o.*, cycle_start(o.cycle, time_zone) AS start FROM rollover_budgets(r) o) AS b;
END $$;

-- A change takes effect for the period in which it is made, not for the one before, even if no call was made since.
CREATE FUNCTION record_carries_before_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- The time zone is another one already; `restart_cycles` has recorded the periods.
    IF OLD.cycle_revision = NEW.cycle_revision AND carries_over(OLD) THEN
        PERFORM record_carries(OLD, o.time_zone) FROM organizations o WHERE o.organization_id = OLD.organization_id;
    END IF;
    RETURN NEW;
END $$;
-- Before the trigger `guardrails_cycle_revision`, which changes the revision.
CREATE TRIGGER guardrails_carries_before_change BEFORE UPDATE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION record_carries_before_change();

-- A budget that begins to carry over, a changed cycle and a reset begin with nothing carried. A changed time zone keeps what was carried
-- into the present period, unless that has only just begun: calls of the period before may still be on their way to the holds table.
CREATE FUNCTION begin_carries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT carries_over(NEW) THEN
        RETURN NULL;
    END IF;
    INSERT INTO budget_carries
    SELECT NEW.organization_id, p.counter, budget_of_counter(p.counter), p.revision, p.start, coalesce(k.carried, 0),
           coalesce(k.carried, 0), NULL, coalesce(k.lineage, p.revision)
      FROM (SELECT b.*, extract(epoch FROM b.begins)::bigint AS start,
                   counter_name(NEW.scope_kind, NEW.scope_id, b.cycle, b.begins, b.revision, b.models) AS counter
              FROM (SELECT d.*, cycle_start(d.cycle, o.time_zone) AS begins
                      FROM rollover_budgets(NEW) d, organizations o WHERE o.organization_id = NEW.organization_id) AS b) AS p
      LEFT JOIN LATERAL (
            SELECT c.lineage,
                   CASE WHEN c.period_start > extract(epoch FROM now()) - 60 THEN 0
                        ELSE carried_of(c.organization_id, c.base_nano_credits, c.cap_nano_credits, c.previous) END AS carried
              FROM budget_carries c
             WHERE TG_OP = 'UPDATE' AND p.models = '' AND NEW.cycle = OLD.cycle AND NEW.reset_time IS NOT DISTINCT FROM OLD.reset_time
               AND c.organization_id = NEW.organization_id AND c.budget = budget_of_counter(p.counter)
               AND c.revision = OLD.cycle_revision AND OLD.rollover IS NOT NULL
             ORDER BY c.period_start DESC LIMIT 1) AS k ON true
    ON CONFLICT (organization_id, counter) DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER guardrails_begin_carries AFTER INSERT OR UPDATE ON guardrails FOR EACH ROW EXECUTE FUNCTION begin_carries();

-- Returns what is carried into the present period of a guardrail's budget; 0 without rollover. `of_models` is encoded.
CREATE FUNCTION present_carry(organization text, of_kind text, of_id text, of_models text DEFAULT '') RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT carried_of(organization, t.base, t.cap, p.previous)
          FROM (SELECT counter_name(of_kind, of_id, b.cycle, b.start, b.revision, of_models) AS counter,
                       counter_name(of_kind, of_id, b.cycle, cycle_start_at(b.cycle, b.time_zone, b.start - interval '1 second'),
                                    b.revision, of_models) AS next_previous,
                       b.*
                  FROM (SELECT d.*, o.time_zone, cycle_start(d.cycle, o.time_zone) AS start
                          FROM guardrails r
                          JOIN organizations o ON o.organization_id = r.organization_id
                         CROSS JOIN LATERAL rollover_budgets(r) d
                         WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id
                           AND d.models = of_models) AS b) AS n
          LEFT JOIN budget_carries c ON c.organization_id = organization AND c.counter = n.counter
         CROSS JOIN LATERAL (SELECT CASE WHEN c.counter IS NULL THEN n.next_previous ELSE c.previous END AS previous) AS p
         CROSS JOIN LATERAL carry_terms(organization, n.counter, n.next_previous) t), 0)
$$;

DROP FUNCTION present_spend(text, text, text);
-- $1: organization, $2: kind of the scope, $3: its id.
CREATE FUNCTION present_spend(text, text, text)
RETURNS TABLE (spent_nano_credits bigint, budget_nano_credits bigint, carried_nano_credits bigint)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(s.settled_nano_credits, 0), r.budget_nano_credits,
           CASE WHEN r.rollover IS NULL THEN 0 ELSE present_carry($1, $2, $3) END
      FROM organizations o
      LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = $2 AND r.scope_id = $3
      LEFT JOIN scope_spend s ON s.organization_id = o.organization_id AND s.counter = concat_ws(':', $2, $3,
                coalesce(r.cycle, 'NEVER'), extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone))::bigint,
                coalesce(r.cycle_revision, 0))
     WHERE o.organization_id = $1
$$;

-- As `soft_threshold`, of a budget with what is carried into its period.
CREATE FUNCTION soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb, carried bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN carried = 0 OR NOT soft_budget ? 'percent' THEN soft_threshold(soft_budget, budget, temporary_limit)
                ELSE least(9223372036854775807,
                           ceil((coalesce((temporary_limit_now(temporary_limit) ->> 'budget_nano_credits')::numeric, budget) + carried)
                                * (soft_budget ->> 'percent')::numeric / 100))::bigint END
$$;

-- As before, with more limits of a guardrail: {"temporary": ..., "soft": ..., "models": [...], "rollover": ...}, each if it has any.
DROP FUNCTION more_limits_of(jsonb, jsonb, jsonb);
CREATE FUNCTION more_limits_of(temporary_limit jsonb, soft_budget jsonb, model_budgets jsonb, rollover jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT nullif(jsonb_strip_nulls(jsonb_build_object('temporary', temporary_limit_now(temporary_limit), 'soft', soft_budget,
                                                       'models', nullif(model_budgets, '[]'), 'rollover', rollover)), '{}')
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
         CROSS JOIN LATERAL (SELECT more_limits_of(r.temporary_limit, r.soft_budget, r.model_budgets, r.rollover) AS more) AS m
         WHERE r.organization_id = k.organization_id
           AND ((r.scope_kind = 'api_key' AND r.scope_id = k.api_key_id)
                OR (r.scope_kind = 'member' AND r.scope_id = k.member_id)
                OR (r.scope_kind = 'group' AND r.scope_id = ANY (g.path))
                OR r.scope_kind = 'organization')) AS above
     WHERE k.state <> 'DELETED'
$$;

-- A budget for some models with a cycle of its own has a revision of its own, so that a counter which was not maintained while the cycle
-- was different is not used again. A changed cycle of the guardrail leaves it as it is; a reset and a changed time zone begin it at 0.
CREATE FUNCTION revised_model_budgets(old_budgets jsonb, new_budgets jsonb, restarted boolean) RETURNS jsonb
LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(jsonb_agg(
        CASE WHEN NOT coalesce(n.budget -> 2 ? 'cycle', false) THEN n.budget
             ELSE jsonb_set(n.budget, '{2,revision}', coalesce(
                 (SELECT o -> 2 -> 'revision' FROM jsonb_array_elements(old_budgets) AS o
                   WHERE NOT restarted AND o ->> 0 = n.budget ->> 0 AND o -> 2 ->> 'cycle' = n.budget -> 2 ->> 'cycle'),
                 to_jsonb(nextval('cycle_revisions')))) END
        ORDER BY n.place), '[]')
      FROM jsonb_array_elements(new_budgets) WITH ORDINALITY AS n (budget, place)
$$;

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
    IF TG_OP = 'INSERT' THEN
        NEW.model_budgets := revised_model_budgets('[]', NEW.model_budgets, true);
    ELSIF NEW.model_budgets <> '[]' THEN
        NEW.model_budgets := revised_model_budgets(OLD.model_budgets, NEW.model_budgets,
                                                   NEW.cycle = OLD.cycle AND NEW.cycle_revision <> OLD.cycle_revision);
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION restart_cycles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM record_carries(r, OLD.time_zone) FROM guardrails r
      WHERE r.organization_id = NEW.organization_id AND r.rollover IS NOT NULL;
    UPDATE guardrails r SET cycle_revision = cycle_revision + 1
     WHERE organization_id = NEW.organization_id
       AND (cycle <> 'NEVER' OR EXISTS (SELECT FROM model_budgets_of(r) b WHERE b.cycle <> 'NEVER'));
    RETURN NULL;
END $$;

-- Whether any budget of a guardrail is reported.
CREATE FUNCTION reports_budgets(r guardrails) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT r.soft_budget IS NOT NULL OR jsonb_path_exists(r.model_budgets, '$[*][2].soft')
$$;

CREATE OR REPLACE FUNCTION mark_soft_budgets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND reports_budgets(NEW) = reports_budgets(OLD) OR TG_OP = 'INSERT' AND NOT reports_budgets(NEW) THEN
        RETURN NULL;
    END IF;
    UPDATE ledger_heads SET has_soft_budgets = EXISTS (
        SELECT FROM guardrails r WHERE r.organization_id = NEW.organization_id AND reports_budgets(r))
     WHERE organization_id = NEW.organization_id;
    RETURN NULL;
END $$;

-- What the budgets for some models of a guardrail have spent and hold in the current period, what is carried into it, and when it began,
-- in epoch seconds: {entry: [spent, held, carried, start], ...}.
CREATE OR REPLACE FUNCTION present_model_use(organization text, of_kind text, of_id text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(p.entry, jsonb_build_array(coalesce(s.settled_nano_credits, 0),
               (SELECT coalesce(sum(h.amount_nano_credits), 0)::bigint FROM holds h
                 WHERE h.state = 'HELD' AND h.organization_id = organization AND h.counters @> ARRAY[p.counter]),
               CASE WHEN p.carries THEN present_carry(organization, of_kind, of_id, p.models) ELSE 0 END,
               extract(epoch FROM p.start)::bigint)), '{}')
      FROM (SELECT b.entry, b.models, b.options ? 'rollover' AS carries, c.start,
                   counter_name(of_kind, of_id, b.cycle, c.start, b.revision, b.models) AS counter
              FROM guardrails r
              JOIN organizations o ON o.organization_id = r.organization_id
             CROSS JOIN LATERAL model_budgets_of(r) b
             CROSS JOIN LATERAL (SELECT cycle_start(b.cycle, o.time_zone) AS start) AS c
             WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;

-- Returns the spend at which the budget of a counter is reported; NULL if it is not. A counter of an earlier revision belongs to a cycle
-- that was changed or reset, and is reported no more.
CREATE FUNCTION threshold_of_counter(r guardrails, of_counter text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT soft_threshold(b.soft_budget, b.budget, b.temporary_limit,
                          coalesce(carried_of(c.organization_id, c.base_nano_credits, c.cap_nano_credits, c.previous), 0))
      FROM (SELECT '' AS models, r.cycle_revision AS revision, r.soft_budget, r.budget_nano_credits AS budget, r.temporary_limit,
                   r.rollover
            UNION ALL
            SELECT m.models, m.revision, m.options -> 'soft', m.budget, NULL, m.options -> 'rollover' FROM model_budgets_of(r) m) AS b
      LEFT JOIN budget_carries c
        ON c.organization_id = r.organization_id AND c.counter = of_counter AND b.rollover IS NOT NULL
     WHERE b.models = split_part(of_counter, ':', 6) AND b.revision = split_part(of_counter, ':', 5)::bigint
       AND b.soft_budget IS NOT NULL
$$;
