-- The whole schema after all migrations and roles.sql. Generated; do not edit:
--
--   python -m gateway_core.schema dump

CREATE FUNCTION public.address_of_mailed_member(organization text, channel text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT nullif(u.email, '')
      FROM notification_channels c
      JOIN members m ON m.organization_id = c.organization_id AND m.member_id = c.mailed_member_id AND m.state = 'ACTIVE'
      JOIN users u ON u.user_id = m.user_id
     WHERE c.organization_id = organization AND c.channel_id = channel
$$;

CREATE FUNCTION public.after_every_id() RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT repeat('z', 70) $$;

CREATE FUNCTION public.begin_carries() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    former text := nullif(current_setting('megarouter.former_time_zone', true), '');
BEGIN
    IF NOT carries_over(NEW) THEN
        RETURN NULL;
    END IF;
    INSERT INTO budget_carries (organization_id, counter, budget, revision, period_start, base_nano_credits, cap_nano_credits,
                                previous, lineage)
    SELECT NEW.organization_id, p.counter, budget_of_counter(p.counter), p.revision, extract(epoch FROM p.begins)::bigint,
           coalesce(k.carried, 0), coalesce(k.carried, 0), NULL, coalesce(k.lineage, p.revision)
      FROM (SELECT b.*, counter_name(NEW.scope_kind, NEW.scope_id, b.cycle, b.begins, b.revision, b.models) AS counter
              FROM (SELECT d.*, o.time_zone, cycle_start(d.cycle, o.time_zone) AS begins
                      FROM rollover_budgets(NEW) d, organizations o WHERE o.organization_id = NEW.organization_id) AS b) AS p
      LEFT JOIN LATERAL kept_carry(NEW, p.budget, OLD.cycle_revision, former, p.time_zone, p.begins) AS k
        ON TG_OP = 'UPDATE' AND p.models = '' AND OLD.rollover IS NOT NULL AND former IS NOT NULL
    ON CONFLICT (organization_id, counter) DO NOTHING;
    RETURN NULL;
END $$;

CREATE FUNCTION public.begin_standings_of_keys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO standings
    SELECT a.organization_id, 'api_key', a.api_key_id, a.group_path, a.state = 'DELETED', p.*
      FROM added a CROSS JOIN LATERAL present_standing(a.organization_id, 'api_key', a.api_key_id) AS p;
    UPDATE key_counts c SET key_count = c.key_count + n.key_count
      FROM (SELECT organization_id, member_id, count(*) AS key_count FROM added WHERE state <> 'DELETED' GROUP BY 1, 2) AS n
     WHERE c.organization_id = n.organization_id AND c.kind IN ('member', 'service_account') AND c.id = n.member_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.begin_standings_of_members() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO standings
    SELECT a.organization_id, CASE WHEN a.user_id IS NULL THEN 'service_account' ELSE 'member' END, a.member_id, a.group_path,
           a.state = 'REMOVED', p.*
      FROM added a CROSS JOIN LATERAL present_standing(a.organization_id, 'member', a.member_id) AS p;
    INSERT INTO key_counts
    SELECT a.organization_id, CASE WHEN a.user_id IS NULL THEN 'service_account' ELSE 'member' END, a.member_id, a.group_path,
           a.state = 'REMOVED', 0
      FROM added a;
    RETURN NULL;
END $$;

CREATE FUNCTION public.bounds_now(bounds jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN NOT bounds ? 'temporary_limit' THEN bounds ELSE
        (bounds - 'temporary_limit') || coalesce(
            (SELECT jsonb_build_object('temporary_limit', jsonb_object_agg(b.place, b.bound))
               FROM jsonb_each(bounds -> 'temporary_limit') AS b (place, bound)
              WHERE temporary_limit_now(b.bound) IS NOT NULL
             HAVING count(*) > 0), '{}')
    END
$$;

CREATE FUNCTION public.budget_of_counter(counter text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT concat_ws(':', split_part(counter, ':', 1), split_part(counter, ':', 2), nullif(split_part(counter, ':', 6), ''))
$$;

CREATE FUNCTION public.carried_of(organization text, base bigint, cap bigint, previous text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN base = 0 OR previous IS NULL THEN least(cap, base)
                ELSE least(cap, greatest(0, base - used_of(organization, previous)))::bigint END
$$;

CREATE TABLE public.guardrails (
    organization_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    mode text DEFAULT 'ENFORCE'::text NOT NULL,
    budget_nano_credits bigint,
    cycle text DEFAULT 'NEVER'::text NOT NULL,
    cycle_revision bigint DEFAULT 0 NOT NULL,
    requests_per_minute integer,
    tokens_per_minute bigint,
    concurrency_limit integer,
    rate_rules jsonb DEFAULT '[]'::jsonb NOT NULL,
    model_whitelist text[],
    key_limit integer,
    seat_limit integer,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    temporary_limit jsonb,
    reset_time timestamp with time zone,
    carry_revision bigint,
    set_by_default jsonb DEFAULT '{}'::jsonb NOT NULL,
    soft_budget jsonb,
    model_budgets jsonb DEFAULT '[]'::jsonb NOT NULL,
    guardrail_id text GENERATED ALWAYS AS (
CASE
    WHEN (scope_kind = 'organization'::text) THEN 'organization'::text
    WHEN (scope_kind = 'api_key'::text) THEN ('apikey-'::text || scope_id)
    WHEN ((scope_kind = 'member'::text) AND (scope_id ~~ 'sa-%'::text)) THEN ('serviceaccount-'::text || scope_id)
    ELSE ((scope_kind || '-'::text) || scope_id)
END) STORED NOT NULL COLLATE pg_catalog."C",
    rollover jsonb,
    CONSTRAINT guardrails_budget_nano_credits_check CHECK ((budget_nano_credits >= 0)),
    CONSTRAINT guardrails_concurrency_limit_check CHECK ((concurrency_limit >= 0)),
    CONSTRAINT guardrails_cycle_check CHECK ((cycle = ANY (ARRAY['NEVER'::text, 'DAILY'::text, 'WEEKLY'::text, 'MONTHLY'::text]))),
    CONSTRAINT guardrails_key_limit_check CHECK ((key_limit >= 0)),
    CONSTRAINT guardrails_mode_check CHECK ((mode = ANY (ARRAY['ENFORCE'::text, 'SHADOW'::text]))),
    CONSTRAINT guardrails_model_budgets_check CHECK (((jsonb_typeof(model_budgets) = 'array'::text) AND (jsonb_array_length(model_budgets) <= 16))),
    CONSTRAINT guardrails_rate_rules_check CHECK (((jsonb_typeof(rate_rules) = 'array'::text) AND (jsonb_array_length(rate_rules) <= 16))),
    CONSTRAINT guardrails_requests_per_minute_check CHECK ((requests_per_minute >= 0)),
    CONSTRAINT guardrails_rollover_check CHECK ((jsonb_typeof(rollover) = 'object'::text)),
    CONSTRAINT guardrails_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'group'::text, 'member'::text, 'api_key'::text]))),
    CONSTRAINT guardrails_seat_limit_check CHECK ((seat_limit >= 0)),
    CONSTRAINT guardrails_set_by_default_check CHECK ((jsonb_typeof(set_by_default) = 'object'::text)),
    CONSTRAINT guardrails_soft_budget_check CHECK ((jsonb_typeof(soft_budget) = 'object'::text)),
    CONSTRAINT guardrails_temporary_limit_check CHECK (((jsonb_typeof(temporary_limit) = 'object'::text) AND (temporary_limit ? 'end_us'::text))),
    CONSTRAINT guardrails_tokens_per_minute_check CHECK (((tokens_per_minute >= 0) AND (tokens_per_minute <= '1000000000000'::bigint))),
    CONSTRAINT organization_scope_is_itself CHECK (((scope_kind <> 'organization'::text) OR (scope_id = organization_id))),
    CONSTRAINT whitelist_is_bounded CHECK ((cardinality(model_whitelist) <= 200))
);

CREATE FUNCTION public.carries_over(r public.guardrails) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    SELECT r.rollover IS NOT NULL OR jsonb_path_exists(r.model_budgets, '$[*][2].rollover')
$_$;

CREATE FUNCTION public.carry_spend_over() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.carry_terms(organization text, of_counter text, of_previous text, in_zone text DEFAULT NULL::text) RETURNS TABLE(base bigint, cap bigint, lineage bigint, budget bigint)
    LANGUAGE plpgsql STABLE
    AS $$
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
        RETURN QUERY SELECT last.base_nano_credits, last.cap_nano_credits, last.lineage, last.budget_nano_credits;
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
        RETURN QUERY SELECT 0::bigint, own.cap, of_revision, NULL::bigint;
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
    RETURN QUERY SELECT least(own.budget + carried, 9223372036854775807)::bigint, own.cap, last.lineage, own.budget;
END $$;

CREATE FUNCTION public.channels_with_deliveries_due(most integer, moment timestamp with time zone) RETURNS TABLE(organization_id text, channel_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH RECURSIVE heads AS (
        (SELECT n.organization_id, n.channel_id, n.next_attempt_time, n.lease_end_time
           FROM notification_deliveries n WHERE n.state = 'PENDING'
          ORDER BY n.organization_id, n.channel_id, n.create_time, n.delivery_id LIMIT 1)
        UNION ALL
        SELECT further.* FROM heads h CROSS JOIN LATERAL (
            SELECT n.organization_id, n.channel_id, n.next_attempt_time, n.lease_end_time
              FROM notification_deliveries n
             WHERE n.state = 'PENDING' AND (n.organization_id, n.channel_id) > (h.organization_id, h.channel_id)
             ORDER BY n.organization_id, n.channel_id, n.create_time, n.delivery_id LIMIT 1) AS further
    )
    SELECT d.organization_id, d.channel_id
      FROM heads d
      LEFT JOIN notification_channels c ON c.organization_id = d.organization_id AND c.channel_id = d.channel_id
     WHERE d.next_attempt_time <= coalesce(moment, now()) AND coalesce(d.lease_end_time, '-infinity') <= coalesce(moment, now())
       AND coalesce(c.next_attempt_time, '-infinity') <= coalesce(moment, now()) AND coalesce(c.state, '') <> 'DISABLED'
     ORDER BY row_number() OVER (PARTITION BY d.organization_id ORDER BY d.next_attempt_time), d.next_attempt_time LIMIT most
$$;

CREATE FUNCTION public.count_keys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF OLD.state <> 'DELETED' THEN
        UPDATE key_counts SET key_count = key_count - 1
         WHERE organization_id = OLD.organization_id AND kind IN ('member', 'service_account') AND id = OLD.member_id;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.state <> 'DELETED' THEN
        UPDATE key_counts SET key_count = key_count + 1
         WHERE organization_id = NEW.organization_id AND kind IN ('member', 'service_account') AND id = NEW.member_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.counter_name(kind text, id text, cycle text, start timestamp with time zone, revision bigint, models text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT concat_ws(':', kind, id, cycle, extract(epoch FROM start)::bigint, revision, nullif(models, ''))
$$;

CREATE FUNCTION public.counters_of_changed_guardrails(organization text, since timestamp with time zone) RETURNS SETOF text
    LANGUAGE sql STABLE
    AS $$
    SELECT c.counter
      FROM guardrails r CROSS JOIN LATERAL present_counters(organization, r.scope_kind, r.scope_id) AS c (counter)
     WHERE r.organization_id = organization AND r.update_time > coalesce(since, '-infinity')
$$;

CREATE FUNCTION public.create_first_rule() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents, recipients)
    VALUES (NEW.organization_id, 'budgets', 'Budgets at 80, 90 and 100 percent',
            '{budget.threshold_reached,budget.exhausted,budget.recovered,budget.reset}',
            'organization', NEW.organization_id, '{80,90,100}', '[{"kind": "OWNER"}, {"kind": "GROUP_ADMINS"}]'),
           (NEW.organization_id, 'operations', 'Credit, providers and doubtful usage',
            '{credit.low,credit.recovered,credit.exhausted,credit.restored,provider.account_refused,provider.account_accepted,usage.doubtful}',
            'organization', NEW.organization_id, '{}', '[{"kind": "SUPER_ADMINS"}]'),
           (NEW.organization_id, 'keys', 'Keys that are about to expire', '{key.expiring}',
            'organization', NEW.organization_id, '{}', '[{"kind": "OWNER"}]');
    RETURN NULL;
END $$;

CREATE FUNCTION public.credential_of_secret(hash bytea) RETURNS TABLE(organization_id text, credential_id text, user_id text, permissions text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT c.organization_id, c.credential_id, c.user_id, c.permissions
      FROM credentials c
     WHERE (c.secret_hash = hash OR (c.previous_secret_hash = hash AND c.previous_expire_time > now()))
       AND c.revoke_time IS NULL AND c.expire_time > now()
$$;

CREATE FUNCTION public.cycle_start(cycle text, time_zone text) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT cycle_start_at(cycle, time_zone, now())
$$;

CREATE FUNCTION public.cycle_start_at(cycle text, time_zone text, instant timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN cycle = 'NEVER' THEN 'epoch'::timestamptz ELSE (
        -- If clocks go back across midnight, midnight occurs twice. The period starts at the first one.
        SELECT min(start - earlier)
          FROM date_trunc(CASE cycle WHEN 'DAILY' THEN 'day' WHEN 'WEEKLY' THEN 'week' ELSE 'month' END, instant, time_zone) AS start,
               unnest(ARRAY[interval '0', interval '30 minutes', interval '1 hour']) AS earlier
         WHERE (start - earlier) AT TIME ZONE time_zone = start AT TIME ZONE time_zone
    ) END
$$;

CREATE FUNCTION public.deliveries_waiting() RETURNS TABLE(delivery_count bigint, oldest_age_s double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT count(*), coalesce(extract(epoch FROM now() - min(d.create_time)), 0)::double precision
      FROM notification_deliveries d
      LEFT JOIN notification_channels c ON c.organization_id = d.organization_id AND c.channel_id = d.channel_id
     WHERE d.state = 'PENDING' AND coalesce(c.state, '') <> 'DISABLED'
$$;

CREATE PROCEDURE public.divide_by_organization(IN divided regclass)
    LANGUAGE plpgsql
    AS $_$
DECLARE
    acts_for CONSTANT text :=
        $sql$ organization_id = ANY ((SELECT string_to_array(current_setting('megarouter.organizations', true), ','))::text[]) $sql$;
    acts_for_all CONSTANT text := $sql$ (SELECT current_setting('megarouter.organizations', true)) = '*' $sql$;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', divided);
    EXECUTE format(
        'CREATE POLICY organization_wall ON %s TO megarouter_authz, megarouter_usage, megarouter_admin USING (%s) WITH CHECK (%s)',
        divided, acts_for, acts_for);
    EXECUTE format('CREATE POLICY every_organization_read ON %s FOR SELECT TO megarouter_usage USING (%s)', divided, acts_for_all);
    EXECUTE format('CREATE POLICY every_organization_lock ON %s FOR UPDATE TO megarouter_usage USING (%s) WITH CHECK (false)',
                   divided, acts_for_all);
    EXECUTE format('CREATE POLICY audit_reads ON %s FOR SELECT TO megarouter_audit USING (true)', divided);
END $_$;

CREATE FUNCTION public.drop_usage_hours(before timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    until CONSTANT timestamptz := date_trunc('month', before, 'UTC');
    partition text;
    dropped integer := 0;
BEGIN
    -- A follower claims the row of its generation before it writes hours, so none is writing now.
    LOCK TABLE usage_rollups IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM usage_rollups WHERE state = 'BUILDING' OR (state = 'CURRENT' AND days_until < until)) THEN
        RETURN 0;
    END IF;
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent IN ('usage_hours'::regclass, 'usage_tagged_hours'::regclass)
           AND to_char(until AT TIME ZONE 'UTC', 'YYYYMM') > right(c.relname, 6)
    LOOP
        EXECUTE format('DROP TABLE %I', partition);
        dropped := dropped + 1;
    END LOOP;
    IF dropped > 0 THEN
        UPDATE usage_rollups SET hours_from = greatest(hours_from, until);
    END IF;
    RETURN dropped;
END $$;

CREATE FUNCTION public.encoded_models(models text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT replace(replace(replace(replace(models, '/', '%2F'), ':', '%3A'), '@', '%40'), '*', '%2A')
$$;

CREATE FUNCTION public.end_personal_channel() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE notification_deliveries d SET state = 'CANCELED', next_attempt_time = NULL, end_time = now()
      FROM notification_channels c
     WHERE c.organization_id = NEW.organization_id AND c.member_id = NEW.member_id
       AND d.organization_id = c.organization_id AND d.channel_id = c.channel_id AND d.state = 'PENDING';
    DELETE FROM notification_channels WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.end_stored_object(of_organization text, of_member text, of_provider text, of_kind text, of_object_id text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH ended AS (
        UPDATE stored_objects s SET expire_time = least(s.expire_time, now() + interval '5 minutes')
         WHERE s.object_id = of_object_id AND s.kind = of_kind AND s.provider_id = of_provider AND s.registered_for = ''
           AND s.organization_id = of_organization AND s.expire_time > now()
           AND coalesce((SELECT k.member_id FROM api_keys k
                          WHERE k.organization_id = s.organization_id AND k.api_key_id = s.api_key_id), s.member_id) = of_member
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM ended)
$$;

CREATE FUNCTION public.export_schedules_due(at timestamp with time zone, most integer) RETURNS TABLE(organization_id text, schedule_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT s.organization_id, s.schedule_id
      FROM export_schedules s JOIN organizations o ON o.organization_id = s.organization_id
     WHERE s.pause_reason = '' AND o.state = 'ACTIVE' AND (s.next_run_time <= at OR s.time_zone <> o.time_zone)
     ORDER BY s.next_run_time, s.schedule_id LIMIT most
$$;

CREATE FUNCTION public.forget_alerts(before timestamp with time zone, at_most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH old AS MATERIALIZED (
        SELECT e.organization_id, e.event_id FROM alert_events e
         WHERE e.occur_time < before
           AND NOT EXISTS (SELECT FROM notification_deliveries d
                            WHERE d.organization_id = e.organization_id AND d.event_id = e.event_id AND d.state = 'PENDING')
           AND NOT EXISTS (SELECT FROM open_incidents i WHERE i.organization_id = e.organization_id AND i.event_id = e.event_id)
         ORDER BY e.occur_time LIMIT at_most
    ), entries AS (
        DELETE FROM inbox_entries i USING old o WHERE i.organization_id = o.organization_id AND i.event_id = o.event_id
    ), deliveries AS (
        DELETE FROM notification_deliveries d USING old o WHERE d.organization_id = o.organization_id AND d.event_id = o.event_id
    ), events AS (
        DELETE FROM alert_events e USING old o WHERE e.organization_id = o.organization_id AND e.event_id = o.event_id RETURNING 1
    )
    SELECT count(*) FROM events
$$;

CREATE FUNCTION public.forget_expired_objects(at_most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH expired AS (
        SELECT object_id, kind, provider_id, registered_for FROM stored_objects
         WHERE expire_time <= now() ORDER BY expire_time LIMIT at_most FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        DELETE FROM stored_objects USING expired
         WHERE (stored_objects.object_id, stored_objects.kind, stored_objects.provider_id, stored_objects.registered_for)
             = (expired.object_id, expired.kind, expired.provider_id, expired.registered_for)
        RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

CREATE FUNCTION public.forget_scim_suspension() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE scim_users SET is_suspended = false
     WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id AND is_suspended;
    RETURN NULL;
END $$;

CREATE FUNCTION public.hashes_of_keys_used_lately(entries bigint) RETURNS TABLE(key_hash bytea)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.identity_of_key(key_hash bytea) RETURNS TABLE(organization_id text, api_key_id text, member_id text, api_key_active boolean, expire_epoch_s double precision, member_active boolean, group_path text[], organization_active boolean, time_zone text, input_estimate text, budget_mode text, guardrails jsonb, secret_replaced boolean, ip_allow_list text[], revision bigint, more_limits jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT k.organization_id, k.api_key_id, k.member_id, k.state = 'ACTIVE',
           extract(epoch FROM least(k.expire_time, CASE WHEN k.replaced THEN k.previous_expire_time END))::float8,
           m.state = 'ACTIVE', coalesce(g.path, '{}'), o.state = 'ACTIVE', o.time_zone, o.input_estimate, o.budget_mode,
           coalesce(above.guardrails, '[]'), k.replaced, k.ip_allow_list::text[],
           coalesce((SELECT v.revision FROM identity_revisions v WHERE v.organization_id = k.organization_id), 0),
           above.more_limits
      FROM (SELECT c.*, false AS replaced FROM api_keys c WHERE c.secret_hash = key_hash
            UNION ALL
            SELECT p.*, true FROM api_keys p WHERE p.previous_secret_hash = key_hash
            LIMIT 1) AS k
      JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
      JOIN organizations o ON o.organization_id = k.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
     CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(r.scope_kind, r.scope_id, r.budget_nano_credits, r.cycle, r.cycle_revision,
                                           r.requests_per_minute, r.model_whitelist, r.mode, r.tokens_per_minute,
                                           r.concurrency_limit, r.rate_rules)) AS guardrails,
               jsonb_object_agg(r.scope_kind || ':' || r.scope_id, r.more) FILTER (WHERE r.more IS NOT NULL) AS more_limits
          FROM (SELECT 'api_key' AS kind, k.api_key_id AS id
                UNION ALL SELECT 'member', k.member_id
                UNION ALL SELECT 'group', unnest(g.path)
                UNION ALL SELECT 'organization', k.organization_id) AS scope
         -- OFFSET 0 keeps one lookup for each scope, whatever the statistics say.
         CROSS JOIN LATERAL (
            SELECT w.*, CASE WHEN num_nonnulls(w.temporary_limit, w.soft_budget, w.rollover) > 0 OR w.model_budgets <> '[]'
                             THEN more_limits_of(w.temporary_limit, w.soft_budget, w.model_budgets, w.rollover) END AS more
              FROM guardrails w
             WHERE w.organization_id = k.organization_id AND w.scope_kind = scope.kind AND w.scope_id = scope.id
            OFFSET 0) AS r) AS above
     WHERE k.state <> 'DELETED'
$$;

CREATE FUNCTION public.identity_revisions_of(organizations text[]) RETURNS TABLE(organization_id text, revision bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT v.organization_id, v.revision FROM identity_revisions v WHERE v.organization_id = ANY (organizations)
$$;

CREATE FUNCTION public.invite_of_token(token_hash bytea, caller text) RETURNS TABLE(organization_id text, invite_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT i.organization_id, i.invite_id
      FROM invites i JOIN organizations o ON o.organization_id = i.organization_id
     WHERE i.secret_hash = token_hash AND i.revoke_time IS NULL AND i.expire_time > now() AND o.state <> 'DELETED'
       AND (i.use_count < i.max_uses
            OR EXISTS (SELECT FROM members m
                        WHERE m.organization_id = i.organization_id AND m.user_id = caller AND m.state = 'ACTIVE'))
$$;

CREATE FUNCTION public.is_switched_off(organization text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT EXISTS (SELECT FROM deployment_settings s CROSS JOIN organizations o
                    WHERE NOT s.personal_accounts AND o.organization_id = organization AND o.kind = 'PERSONAL')
$$;

CREATE FUNCTION public.is_without_another_organization(of_user text, than text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT NOT EXISTS (SELECT FROM members m WHERE m.user_id = of_user AND m.organization_id <> than)
       AND NOT EXISTS (SELECT FROM users u WHERE u.user_id = of_user AND u.personal_organization_id IS NOT NULL)
       AND NOT EXISTS (SELECT FROM operator_audit_log a WHERE a.user_id = of_user)
$$;

CREATE FUNCTION public.kept_carry(r public.guardrails, own_budget bigint, former_revision bigint, former text, time_zone text, start timestamp with time zone) RETURNS TABLE(carried bigint, lineage bigint)
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    kept budget_carries;
    kept_since timestamptz;
    settled numeric;
    held_before numeric;
    own numeric;
    own_before numeric;
BEGIN
    SELECT * INTO kept FROM budget_carries c
     WHERE c.organization_id = r.organization_id AND c.budget = r.scope_kind || ':' || r.scope_id AND c.revision = former_revision
       AND (to_timestamp(c.period_start) AT TIME ZONE former)::date <= (start AT TIME ZONE time_zone)::date
     ORDER BY c.period_start DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    carried := carried_of(kept.organization_id, kept.base_nano_credits, kept.cap_nano_credits, kept.previous);
    lineage := kept.lineage;
    IF carried > 0 AND kept.period_start > extract(epoch FROM now()) - 60 THEN
        carried := 0;
    ELSIF carried > 0 THEN
        kept_since := greatest(to_timestamp(kept.period_start), r.reset_time);
        SELECT coalesce(sum(s.settled_nano_credits), 0), coalesce(sum(h.amount), 0) INTO settled, held_before
          FROM budget_carries c
          LEFT JOIN scope_spend s ON s.organization_id = c.organization_id AND s.counter = c.counter
         CROSS JOIN LATERAL (SELECT sum(o.amount_nano_credits) AS amount FROM holds o
                              WHERE o.state = 'HELD' AND o.organization_id = c.organization_id AND o.counters @> ARRAY[c.counter]
                                AND o.place_time < start) AS h
         WHERE c.organization_id = kept.organization_id AND c.budget = kept.budget AND c.revision = former_revision
           AND c.period_start >= kept.period_start;
        SELECT coalesce(sum(u.charge_nano_credits + coalesce(c.delta_nano_credits, 0)), 0),
               coalesce(sum(u.charge_nano_credits + coalesce(c.delta_nano_credits, 0)) FILTER (WHERE u.place_time < start), 0)
          INTO own, own_before
          FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
         WHERE u.organization_id = r.organization_id AND u.place_time >= kept_since
           AND CASE r.scope_kind
                   WHEN 'organization' THEN true
                   WHEN 'group' THEN r.scope_id = ANY (u.group_path)
                   WHEN 'member' THEN u.member_id = r.scope_id
                   ELSE u.api_key_id = r.scope_id
               END;
        carried := greatest(0, carried - greatest(0, settled - own));
        carried := least(carried, greatest(0, own_budget + carried - own_before - held_before));
    END IF;
    RETURN NEXT;
END $$;

CREATE FUNCTION public.last_use_of_api_key(organization text, of_api_key text) RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT max(s.last_use_time)
      FROM scope_spend s
     WHERE organization = ANY (string_to_array(current_setting('megarouter.organizations', true), ','))
       AND s.organization_id = organization AND s.counter LIKE 'api\_key:%' AND split_part(s.counter, ':', 2) = of_api_key
$$;

CREATE FUNCTION public.limit_of_counter(organization text, of_counter text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT least(b.budget::numeric + coalesce(carried_of(c.organization_id, c.base_nano_credits, c.cap_nano_credits, c.previous), 0),
                 9223372036854775807)::bigint
      FROM (SELECT r.scope_kind, r.scope_id, '' AS models, r.cycle_revision AS revision, r.rollover IS NOT NULL AS rolls_over,
                   coalesce((temporary_limit_now(r.temporary_limit) ->> 'budget_nano_credits')::bigint, r.budget_nano_credits) AS budget
              FROM guardrails r WHERE r.organization_id = organization
            UNION ALL
            SELECT r.scope_kind, r.scope_id, m.models, m.revision, m.options ? 'rollover', m.budget
              FROM guardrails r CROSS JOIN LATERAL model_budgets_of(r) m WHERE r.organization_id = organization) AS b
      LEFT JOIN budget_carries c ON c.organization_id = organization AND c.counter = of_counter AND b.rolls_over
     WHERE b.scope_kind = split_part(of_counter, ':', 1) AND b.scope_id = split_part(of_counter, ':', 2)
       AND b.models = split_part(of_counter, ':', 6) AND b.revision = split_part(of_counter, ':', 5)::bigint
$$;

CREATE FUNCTION public.local_hour(instant timestamp with time zone, zone text) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN instant - truncated.h = (instant AT TIME ZONE zone) - (truncated.h AT TIME ZONE zone) THEN truncated.h
                ELSE (SELECT coalesce(min(q), truncated.h)
                        FROM generate_series(truncated.h, instant, interval '15 minutes') AS q
                       WHERE instant - q = (instant AT TIME ZONE zone) - (q AT TIME ZONE zone)) END
      FROM (SELECT date_trunc('hour', instant, zone) AS h) AS truncated
$$;

CREATE FUNCTION public.mail_channels(organization text, members text[]) RETURNS SETOF text
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH mailed AS (
        SELECT m.member_id, 'mail-' || m.member_id AS channel_id, split_part(u.email, '@', 2) AS domain
          FROM members m
          JOIN users u ON u.user_id = m.user_id AND coalesce(u.email, '') <> ''
         WHERE m.organization_id = organization AND m.member_id = ANY (members) AND m.state = 'ACTIVE'
           AND EXISTS (SELECT FROM deployment_settings WHERE sends_mail)
    ), channel AS (
        INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, mailed_member_id)
        SELECT organization, channel_id, 'EMAIL', member_id, domain, member_id FROM mailed
        ON CONFLICT DO NOTHING
    )
    SELECT channel_id FROM mailed
$$;

CREATE FUNCTION public.mark_carries() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE ledger_heads SET last_carry_start = greatest(last_carry_start, to_timestamp(NEW.period_start))
     WHERE organization_id = NEW.organization_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.mark_soft_budgets() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND reports_budgets(NEW) = reports_budgets(OLD) OR TG_OP = 'INSERT' AND NOT reports_budgets(NEW) THEN
        RETURN NULL;
    END IF;
    UPDATE ledger_heads SET has_soft_budgets = EXISTS (
        SELECT FROM guardrails r WHERE r.organization_id = NEW.organization_id AND reports_budgets(r))
     WHERE organization_id = NEW.organization_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.match_ratings() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    matched bigint;
BEGIN
    UPDATE call_ratings w SET hold_id = c.hold_id
      FROM routed_calls c JOIN usage_records r ON r.hold_id = c.hold_id
     WHERE w.hold_id IS NULL AND c.organization_id = w.organization_id AND c.request_id = w.request_id
       AND r.member_id = w.member_id;
    GET DIAGNOSTICS matched = ROW_COUNT;
    DELETE FROM call_ratings WHERE hold_id IS NULL AND create_time < now() - interval '1 day';
    RETURN matched;
END $$;

CREATE FUNCTION public.member_intersection(one bit varying, other bit varying) RETURNS bit varying
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT substring(one FROM 1 FOR least(length(one), length(other))) & substring(other FROM 1 FOR least(length(one), length(other)))
$$;

CREATE FUNCTION public.member_union(one bit varying, other bit varying) RETURNS bit varying
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT CASE WHEN length(one) < length(other) THEN (one || repeat('0', length(other) - length(one))::bit varying) | other
                WHEN length(one) > length(other) THEN one | (other || repeat('0', length(one) - length(other))::bit varying)
                ELSE one | other END
$$;

CREATE FUNCTION public.messages_waiting() RETURNS TABLE(message_count bigint, oldest_age_s double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT count(*), coalesce(extract(epoch FROM greatest(now() - min(m.create_time), interval '0'))::float8, 0)
      FROM outbox_messages m
     WHERE m.deliver_time IS NULL
$$;

CREATE FUNCTION public.model_budgets_of(r public.guardrails) RETURNS TABLE(entry text, models text, budget bigint, options jsonb, cycle text, revision bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT b ->> 0, encoded_models(b ->> 0), (b ->> 1)::bigint, coalesce(b -> 2, '{}'), coalesce(b -> 2 ->> 'cycle', r.cycle),
           CASE WHEN b -> 2 ? 'cycle' THEN (b -> 2 ->> 'revision')::bigint ELSE r.cycle_revision END
      FROM jsonb_array_elements(r.model_budgets) AS b
$$;

CREATE FUNCTION public.more_limits_of(temporary_limit jsonb, soft_budget jsonb, model_budgets jsonb, rollover jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT nullif(jsonb_strip_nulls(jsonb_build_object('temporary', temporary_limit_now(temporary_limit), 'soft', soft_budget,
                                                       'models', nullif(model_budgets, '[]'), 'rollover', rollover)), '{}')
$$;

CREATE FUNCTION public.my_accounts() RETURNS TABLE(organization_id text, display_name text, kind text, organization_state text, member_id text, role text, member_state text, group_id text, is_current boolean, group_display_name text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH caller AS (
        SELECT u.user_id,
               coalesce((SELECT c.organization_id FROM members c JOIN organizations a ON a.organization_id = c.organization_id
                          WHERE c.organization_id = u.current_organization_id AND c.user_id = u.user_id
                            AND c.state = 'ACTIVE' AND a.state <> 'DELETED'),
                        u.personal_organization_id) AS current_id
          FROM users u WHERE u.user_id = current_setting('megarouter.user', true)
    )
    SELECT o.organization_id, o.display_name, o.kind, o.state, m.member_id, m.role, m.state, m.group_id,
           coalesce(o.organization_id = caller.current_id, false), coalesce(g.display_name, '')
      FROM caller
      JOIN members m ON m.user_id = caller.user_id AND m.state <> 'REMOVED'
      JOIN organizations o ON o.organization_id = m.organization_id
      LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
$$;

CREATE FUNCTION public.note_pepper() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.secret_hash IS DISTINCT FROM OLD.secret_hash THEN
        NEW.pepper := present_pepper();
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.note_previous_pepper() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF NEW.previous_secret_hash IS NULL THEN
        NEW.previous_pepper := NULL;
    ELSIF NEW.previous_secret_hash = OLD.secret_hash THEN
        NEW.previous_pepper := OLD.pepper;
    ELSIF NEW.previous_secret_hash IS DISTINCT FROM OLD.previous_secret_hash THEN
        NEW.previous_pepper := present_pepper();
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.note_usage_name(of_organization text, of_kind text, of_id text, name text, path text[], deleted boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    since timestamptz;
BEGIN
    UPDATE usage_names SET valid_to = greatest(clock_timestamp(), valid_from + interval '1 microsecond')
     WHERE organization_id = of_organization AND kind = of_kind AND id = of_id AND valid_to IS NULL
       AND (display_name, group_path, is_deleted) IS DISTINCT FROM (name, path, deleted)
    RETURNING valid_to INTO since;
    IF since IS NULL THEN
        PERFORM FROM usage_names WHERE organization_id = of_organization AND kind = of_kind AND id = of_id AND valid_to IS NULL;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    -- Two transactions may change what a member is called: one their membership, the other their user. The later one wins.
    INSERT INTO usage_names (organization_id, kind, id, valid_from, display_name, group_path, is_deleted)
    VALUES (of_organization, of_kind, of_id, coalesce(since, clock_timestamp()), name, path, deleted)
    ON CONFLICT (organization_id, kind, id) WHERE valid_to IS NULL
    DO UPDATE SET display_name = excluded.display_name, group_path = excluded.group_path, is_deleted = excluded.is_deleted;
END $$;

CREATE FUNCTION public.note_usage_name_of_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_TABLE_NAME = 'groups' THEN
        PERFORM note_usage_name(NEW.organization_id, 'group', NEW.group_id, NEW.display_name, NEW.path, NEW.delete_time IS NOT NULL);
    ELSIF TG_TABLE_NAME = 'api_keys' THEN
        PERFORM note_usage_name(NEW.organization_id, 'api_key', NEW.api_key_id, NEW.display_name, NEW.group_path,
                                NEW.state = 'DELETED');
    ELSIF TG_TABLE_NAME = 'members' THEN
        PERFORM note_usage_name(
            NEW.organization_id, 'member', NEW.member_id,
            coalesce(NEW.display_name, (SELECT coalesce(nullif(display_name, ''), email) FROM users WHERE user_id = NEW.user_id), ''),
            NEW.group_path, NEW.state = 'REMOVED');
    ELSE
        PERFORM note_usage_name(m.organization_id, 'member', m.member_id, coalesce(nullif(NEW.display_name, ''), NEW.email, ''),
                                m.group_path, m.state = 'REMOVED')
           FROM members m WHERE m.user_id = NEW.user_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.notify_catalog_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('megarouter_catalog', TG_TABLE_NAME);
    RETURN NULL;
END $$;

CREATE FUNCTION public.notify_deployment_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('megarouter_identity', '- deployment settings');
    RETURN NULL;
END $$;

CREATE FUNCTION public.notify_identity_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.open_carry(organization text, of_counter text, of_previous text) RETURNS TABLE(base bigint, cap bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT organization = ANY (string_to_array(current_setting('megarouter.organizations', true), ',')) THEN
        RAISE EXCEPTION 'not acting for this organization' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN QUERY SELECT * FROM recorded_carry(organization, of_counter, of_previous);
END $$;

CREATE FUNCTION public.open_ledger() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO ledger_heads (organization_id) VALUES (NEW.organization_id);
    INSERT INTO ledger_accounts (organization_id, account)
    SELECT NEW.organization_id, unnest(ARRAY['CREDIT_POOL', 'USAGE', 'TOP_UPS', 'ADJUSTMENTS']);
    IF NEW.kind = 'PERSONAL' THEN
        INSERT INTO credit_lines (organization_id, line_nano_credits) VALUES (NEW.organization_id, 0);
    ELSE
        INSERT INTO credit_lines (organization_id) VALUES (NEW.organization_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.open_usage_month(instant timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    first CONSTANT timestamptz := date_trunc('month', instant, 'UTC');
    after CONSTANT timestamptz := first + interval '1 month';
    month CONSTANT text := to_char(first AT TIME ZONE 'UTC', 'YYYYMM');
    divided text;
    partition text;
BEGIN
    FOREACH divided IN ARRAY ARRAY['usage_hours', 'usage_tagged_hours'] LOOP
        partition := divided || '_' || month;
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        -- Another transaction may be creating it. An advisory lock would not make its table visible here.
        EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', divided);
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE %I)', partition, divided);
            CALL divide_by_organization(partition);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', divided, partition, first, after);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION public.organization_summaries(only_organization text) RETURNS TABLE(organization_id text, display_name text, kind text, state text, is_blocked boolean, balance_nano_credits bigint, topped_up_nano_credits bigint, adjusted_nano_credits bigint, spent_nano_credits bigint, line_nano_credits bigint, used_nano_credits bigint, pending_request_count bigint, create_time timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT o.organization_id, o.display_name, o.kind, o.state, o.is_blocked, pool.balance_nano_credits,
           -top_ups.balance_nano_credits, -adjustments.balance_nano_credits, usage.balance_nano_credits, l.line_nano_credits,
           l.used_nano_credits,
           (SELECT count(*) FROM top_up_requests r WHERE r.organization_id = o.organization_id AND r.state = 'PENDING'),
           o.create_time
      FROM organizations o
      JOIN credit_lines l ON l.organization_id = o.organization_id
      JOIN ledger_accounts pool ON pool.organization_id = o.organization_id AND pool.account = 'CREDIT_POOL'
      JOIN ledger_accounts top_ups ON top_ups.organization_id = o.organization_id AND top_ups.account = 'TOP_UPS'
      JOIN ledger_accounts adjustments ON adjustments.organization_id = o.organization_id AND adjustments.account = 'ADJUSTMENTS'
      JOIN ledger_accounts usage ON usage.organization_id = o.organization_id AND usage.account = 'USAGE'
     WHERE only_organization IS NULL OR o.organization_id = only_organization
$$;

CREATE FUNCTION public.organization_summaries_beyond(last_organization text, most bigint, descending boolean) RETURNS TABLE(organization_id text, display_name text, kind text, state text, is_blocked boolean, balance_nano_credits bigint, topped_up_nano_credits bigint, adjusted_nano_credits bigint, spent_nano_credits bigint, line_nano_credits bigint, used_nano_credits bigint, pending_request_count bigint, create_time timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT s.*
      FROM ((SELECT o.organization_id FROM organizations o WHERE NOT descending AND o.organization_id > last_organization
              ORDER BY o.organization_id LIMIT most)
            UNION ALL
            (SELECT o.organization_id FROM organizations o
              WHERE descending AND o.organization_id < coalesce(nullif(last_organization, ''), after_every_id())
              ORDER BY o.organization_id DESC LIMIT most)) AS page
     CROSS JOIN LATERAL organization_summaries(page.organization_id) s
$$;

CREATE FUNCTION public.organizations_of_claims(by_issuer text, claims text[], claim_values text[], only_user text) RETURNS TABLE(organization_id text, wants text, has text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH wanted AS (
        SELECT DISTINCT ON (p.organization_id) p.organization_id, p.role || coalesce('/' || p.group_id, '') AS gives
          FROM claim_mappings p
          JOIN (SELECT DISTINCT * FROM unnest(claims, claim_values) AS c (claim, value)) c ON c.claim = p.claim AND c.value = p.value
          JOIN organizations o ON o.organization_id = p.organization_id
          LEFT JOIN groups g ON g.organization_id = p.organization_id AND g.group_id = p.group_id
         WHERE p.issuer = by_issuer AND o.state = 'ACTIVE' AND o.kind = 'ORGANIZATION' AND g.delete_time IS NULL
           -- A group may have moved to a level that the role does not fit.
           AND CASE p.role WHEN 'L1_ADMIN' THEN cardinality(g.path) = 1 WHEN 'SUB_ADMIN' THEN cardinality(g.path) >= 2 ELSE true END
         ORDER BY p.organization_id, array_position(ARRAY['SUPER_ADMIN', 'L1_ADMIN', 'SUB_ADMIN', 'MEMBER'], p.role),
                  p.claim_mapping_id
    ), given AS (
        SELECT g.organization_id,
               CASE WHEN g.is_overridden THEN 'overridden' ELSE g.role || coalesce('/' || g.group_id, '') END AS gives
          FROM claim_memberships g WHERE g.user_id = only_user AND g.issuer = by_issuer
    )
    SELECT coalesce(w.organization_id, g.organization_id), w.gives, g.gives
      FROM wanted w FULL JOIN given g ON g.organization_id = w.organization_id
$$;

CREATE FUNCTION public.organizations_of_user(only_user text) RETURNS TABLE(organization_id text, kind text, state text, member_id text, role text, member_state text, group_path text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT o.organization_id, o.kind, o.state, m.member_id, m.role, m.state, m.group_path
      FROM members m JOIN organizations o ON o.organization_id = m.organization_id
     WHERE m.user_id = only_user AND m.state <> 'REMOVED' AND o.state <> 'DELETED'
$$;

CREATE FUNCTION public.organizations_with_messages_due(most integer) RETURNS TABLE(organization_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT m.organization_id FROM outbox_messages m
     WHERE m.deliver_time IS NULL AND m.attempt_time <= now()
     ORDER BY m.attempt_time LIMIT most
$$;

CREATE FUNCTION public.own_credentials_of(organization text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT jsonb_object_agg(c.provider_id, jsonb_build_array(c.credential_id, c.gateway_fallback))
      FROM organization_provider_credentials c
     WHERE c.organization_id = organization AND c.live
$$;

CREATE FUNCTION public.periods_between(cycle text, first date, other date) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE cycle WHEN 'DAILY' THEN other - first
                      WHEN 'WEEKLY' THEN (other - first) / 7
                      ELSE 12 * (extract(year FROM other) - extract(year FROM first))::integer
                           + (extract(month FROM other) - extract(month FROM first))::integer END
$$;

CREATE FUNCTION public.place_api_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    SELECT group_path INTO NEW.group_path FROM members
     WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id FOR SHARE;
    NEW.group_path := coalesce(NEW.group_path, '{}');
    RETURN NEW;
END $$;

CREATE FUNCTION public.place_api_keys_of_member() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE api_keys SET group_path = NEW.group_path WHERE organization_id = NEW.organization_id AND member_id = NEW.member_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.place_invite() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.group_path := '{}';
    IF NEW.group_id IS NOT NULL THEN
        SELECT path INTO NEW.group_path FROM groups
         WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id FOR SHARE;
        NEW.group_path := coalesce(NEW.group_path, '{}');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.place_invites_of_group() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE invites SET group_path = NEW.path WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.place_member() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.group_path := '{}';
    IF NEW.group_id IS NOT NULL THEN
        SELECT path INTO NEW.group_path FROM groups
         WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id FOR SHARE;
        NEW.group_path := coalesce(NEW.group_path, '{}');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.place_members_of_group() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE members SET group_path = NEW.path WHERE organization_id = NEW.organization_id AND group_id = NEW.group_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.place_standing() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_TABLE_NAME = 'members' THEN
        UPDATE standings SET group_path = NEW.group_path, is_removed = NEW.state = 'REMOVED'
         WHERE organization_id = NEW.organization_id AND kind IN ('member', 'service_account') AND id = NEW.member_id;
        UPDATE key_counts SET group_path = NEW.group_path, is_removed = NEW.state = 'REMOVED'
         WHERE organization_id = NEW.organization_id AND kind IN ('member', 'service_account') AND id = NEW.member_id;
    ELSE
        UPDATE standings SET group_path = NEW.group_path, is_removed = NEW.state = 'DELETED'
         WHERE organization_id = NEW.organization_id AND kind = 'api_key' AND id = NEW.api_key_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.present_carry(organization text, of_kind text, of_id text, of_models text DEFAULT ''::text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
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
                           AND d.models = of_models) AS b OFFSET 0) AS n
          LEFT JOIN LATERAL (SELECT * FROM budget_carries WHERE organization_id = organization AND counter = n.counter OFFSET 0) AS c
                 ON true
         CROSS JOIN LATERAL (SELECT CASE WHEN c.counter IS NULL THEN n.next_previous ELSE c.previous END AS previous) AS p
         CROSS JOIN LATERAL carry_terms(organization, n.counter, n.next_previous) t), 0)
$$;

CREATE FUNCTION public.present_counters(organization text, of_kind text, of_id text) RETURNS SETOF text
    LANGUAGE sql STABLE
    AS $$
    SELECT counter_name(of_kind, of_id, b.cycle, cycle_start(b.cycle, o.time_zone), b.revision, b.models)
      FROM (SELECT r.cycle, r.cycle_revision AS revision, '' AS models
              FROM guardrails r WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id
            UNION ALL
            SELECT m.cycle, m.revision, m.models FROM guardrails r CROSS JOIN LATERAL model_budgets_of(r) m
             WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id) AS b
      JOIN organizations o ON o.organization_id = organization
$$;

CREATE FUNCTION public.present_model_use(organization text, of_kind text, of_id text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_object_agg(p.entry, jsonb_build_array(
               coalesce((SELECT s.settled_nano_credits FROM scope_spend s WHERE s.organization_id = organization AND s.counter = p.counter), 0),
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
             WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id OFFSET 0) AS p
$$;

CREATE FUNCTION public.present_pepper() RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('megarouter.pepper', true), '') $$;

CREATE FUNCTION public.present_spend(text, text, text) RETURNS TABLE(spent_nano_credits bigint, budget_nano_credits bigint, carried_nano_credits bigint)
    LANGUAGE sql STABLE
    AS $_$
    SELECT coalesce(s.settled_nano_credits, 0), p.budget_nano_credits,
           CASE WHEN p.rollover IS NULL THEN 0 ELSE present_carry($1, $2, $3) END
      FROM (SELECT r.budget_nano_credits, r.rollover,
                   concat_ws(':', $2, $3, coalesce(r.cycle, 'NEVER'),
                             extract(epoch FROM cycle_start(coalesce(r.cycle, 'NEVER'), o.time_zone))::bigint,
                             coalesce(r.cycle_revision, 0)) AS counter
              FROM organizations o
              LEFT JOIN guardrails r ON r.organization_id = o.organization_id AND r.scope_kind = $2 AND r.scope_id = $3
             WHERE o.organization_id = $1 OFFSET 0) AS p
      LEFT JOIN scope_spend s ON s.organization_id = $1 AND s.counter = p.counter
$_$;

CREATE FUNCTION public.present_standing(organization text, of_kind text, of_id text) RETURNS TABLE(cycle text, revision bigint, period_start bigint, spent_nano_credits bigint, call_count bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT p.cycle, p.revision, CASE WHEN s.counter IS NULL THEN 0 ELSE p.start END, coalesce(s.settled_nano_credits, 0),
           coalesce(s.call_count, 0)
      FROM (SELECT q.cycle, q.revision, q.start, concat_ws(':', of_kind, of_id, q.cycle, q.start, q.revision) AS counter
              FROM (SELECT g.cycle, g.revision,
                           CASE g.cycle WHEN 'NEVER' THEN 0 ELSE extract(epoch FROM cycle_start(g.cycle, g.time_zone))::bigint END
                               AS start
                      FROM (SELECT coalesce(r.cycle, 'NEVER') AS cycle, coalesce(r.cycle_revision, 0) AS revision, o.time_zone
                              FROM organizations o
                              LEFT JOIN guardrails r ON r.organization_id = organization AND r.scope_kind = of_kind
                                                    AND r.scope_id = of_id
                             WHERE o.organization_id = organization) AS g) AS q OFFSET 0) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;

CREATE FUNCTION public.present_use(organization text, of_kind text, of_id text) RETURNS TABLE(period_start_time timestamp with time zone, time_zone text, spent_nano_credits bigint, held_nano_credits bigint, call_count bigint, shadow_refusal_count bigint)
    LANGUAGE sql STABLE
    AS $$
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
                     WHERE o.organization_id = organization) AS q OFFSET 0) AS p
      LEFT JOIN scope_spend s ON s.organization_id = organization AND s.counter = p.counter
$$;

CREATE FUNCTION public.provider_health() RETURNS TABLE(provider_id text, call_count bigint, failed_count bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT p.provider_id, count(*),
           count(*) FILTER (WHERE r.detail IN ('provider_timeout', 'provider_reset', 'provider_unavailable')
                               OR (r.detail = 'provider_error' AND r.http_status NOT BETWEEN 400 AND 499))
      FROM providers p
     CROSS JOIN LATERAL (SELECT u.http_status, u.detail FROM usage_records u
                          WHERE u.provider_id = p.provider_id AND u.settle_time > now() - interval '5 minutes'
                          ORDER BY u.settle_time DESC LIMIT 100) AS r
     GROUP BY p.provider_id
$$;

CREATE FUNCTION public.provider_outcomes() RETURNS TABLE(provider_id text, answered_count bigint, failed_count bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT p.provider_id,
           count(*) FILTER (WHERE r.http_status BETWEEN 200 AND 299
                              AND r.detail IN ('completed', 'usage_omitted', 'invalid_usage', 'implausible_usage')),
           -- 401, 403 and 429 mean that the gateway's credential or quota is the problem, so its calls are not answered.
           count(*) FILTER (WHERE r.detail IN ('provider_timeout', 'provider_reset', 'provider_unavailable')
                               OR (r.detail = 'provider_error'
                                   AND (r.http_status IN (401, 403, 429) OR r.http_status NOT BETWEEN 400 AND 499)))
      FROM providers p
     CROSS JOIN LATERAL (SELECT u.http_status, u.detail FROM usage_records u
                          WHERE u.provider_id = p.provider_id AND u.settle_time > now() - interval '15 minutes' AND u.own_key IS NOT TRUE
                          ORDER BY u.settle_time DESC LIMIT 100) AS r
     GROUP BY p.provider_id
$$;

CREATE FUNCTION public.purge_deleted_organization(at_most integer, OUT organization_id text, OUT has_ended boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
    organization text;
    purged_table text;
    deleted bigint;
    total bigint := 0;
BEGIN
    SELECT o.organization_id INTO organization FROM organizations o
     WHERE o.state = 'DELETED' AND o.purged_time IS NULL AND o.purge_time <= now()
     ORDER BY o.purge_time LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF organization IS NULL THEN
        RETURN;
    END IF;
    -- Before the members go, who lead to them.
    UPDATE users u SET email = NULL, display_name = '', current_organization_id = NULL
      FROM members m
     WHERE m.organization_id = organization AND m.user_id = u.user_id AND is_without_another_organization(u.user_id, organization);
    DELETE FROM user_identities i USING members m
     WHERE m.organization_id = organization AND m.user_id = i.user_id AND is_without_another_organization(i.user_id, organization);
    UPDATE access_tokens t SET revoke_time = coalesce(t.revoke_time, now()), display_name = '' FROM members m
     WHERE m.organization_id = organization AND m.user_id = t.user_id AND is_without_another_organization(t.user_id, organization);
    FOREACH purged_table IN ARRAY purged_tables() LOOP
        -- Rows of these refer to each other, so they go at once. They are few.
        IF purged_table IN ('groups', 'usage_anomalies', 'notification_rules') THEN
            EXECUTE format('DELETE FROM %I WHERE organization_id = $1', purged_table) USING organization;
        ELSE
            EXECUTE format('DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE organization_id = $1 LIMIT $2))', purged_table)
              USING organization, at_most;
        END IF;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        total := total + deleted;
        -- What is left may refer to the tables that follow.
        EXIT WHEN deleted >= at_most;
    END LOOP;
    IF total = 0 THEN
        UPDATE access_tokens SET revoke_time = coalesce(revoke_time, now()), display_name = '' WHERE only_organization_id = organization;
        DELETE FROM user_identities WHERE only_organization_id = organization;
        UPDATE users SET current_organization_id = NULL WHERE current_organization_id = organization;
        UPDATE organizations SET purged_time = now(), display_name = organization_id, billing_email = NULL, update_time = now()
         WHERE organization_id = organization;
    END IF;
    purge_deleted_organization.organization_id := organization;
    purge_deleted_organization.has_ended := total = 0;
END $_$;

CREATE FUNCTION public.purged_tables() RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT ARRAY['export_schedules', 'organization_provider_credentials',
                 'usage_export_parts', 'usage_exports', 'delivery_attempts', 'notification_deliveries', 'held_alerts', 'open_incidents',
                 'inbox_entries', 'alert_states', 'alert_events', 'notification_rules', 'notification_channels', 'mail_preferences',
                 'outbox_messages', 'budget_events', 'call_ratings', 'stored_objects', 'anomaly_verdicts', 'usage_anomalies',
                 'anomaly_scopes', 'analysis_settings', 'routing_returns', 'routing_policies', 'virtual_models', 'guardrails',
                 'guardrail_defaults', 'sign_in_links', 'credentials', 'invites', 'scim_group_members', 'scim_groups', 'scim_users',
                 'claim_memberships', 'claim_mappings', 'api_keys', 'members', 'groups', 'key_counts', 'standings', 'usage_names']
$$;

CREATE FUNCTION public.rate_call(of_organization text, of_member text, of_request text, given text, given_reason text, may_wait boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    most_waiting CONSTANT integer := 100;
    rated text;
BEGIN
    SELECT c.hold_id INTO rated
      FROM routed_calls c JOIN usage_records r ON r.hold_id = c.hold_id
     WHERE c.organization_id = of_organization AND c.request_id = of_request AND r.member_id = of_member
       AND c.place_time > now() - interval '7 days';
    IF rated IS NULL AND (
        NOT may_wait
        OR EXISTS (SELECT FROM routed_calls c WHERE c.organization_id = of_organization AND c.request_id = of_request)
        OR NOT EXISTS (SELECT FROM holds h WHERE h.organization_id = of_organization AND h.member_id = of_member AND h.state = 'HELD')
        OR (SELECT count(*) FROM call_ratings w
             WHERE w.organization_id = of_organization AND w.member_id = of_member AND w.hold_id IS NULL) >= most_waiting
    ) THEN
        RETURN 'unknown';
    END IF;
    INSERT INTO call_ratings (organization_id, request_id, member_id, hold_id, rating, reason)
    VALUES (of_organization, of_request, of_member, rated, given, given_reason)
    ON CONFLICT (organization_id, request_id, member_id) DO UPDATE
       SET hold_id = coalesce(excluded.hold_id, call_ratings.hold_id), rating = excluded.rating, reason = excluded.reason,
           update_time = clock_timestamp();
    RETURN CASE WHEN rated IS NULL THEN 'pending' ELSE 'recorded' END;
END $$;

CREATE FUNCTION public.record_carries(r public.guardrails, time_zone text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM recorded_carry(r.organization_id, counter_name(r.scope_kind, r.scope_id, b.cycle, b.start, b.revision, b.models),
                           counter_name(r.scope_kind, r.scope_id, b.cycle,
                                        cycle_start_at(b.cycle, time_zone, b.start - interval '1 second'), b.revision, b.models),
                           time_zone)
       FROM (SELECT o.*, cycle_start(o.cycle, time_zone) AS start FROM rollover_budgets(r) o) AS b;
END $$;

CREATE FUNCTION public.record_carries_before_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    -- The time zone is another one already; `restart_cycles` has recorded the periods.
    IF OLD.cycle_revision = NEW.cycle_revision AND carries_over(OLD) THEN
        PERFORM record_carries(OLD, o.time_zone) FROM organizations o WHERE o.organization_id = OLD.organization_id;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.recorded_carry(organization text, of_counter text, of_previous text, in_zone text DEFAULT NULL::text) RETURNS TABLE(base bigint, cap bigint)
    LANGUAGE plpgsql
    AS $$
DECLARE
    head bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM budget_carries c WHERE c.organization_id = organization AND c.counter = of_counter) THEN
        SELECT h.sequence INTO head FROM ledger_heads h WHERE h.organization_id = organization FOR UPDATE;
        INSERT INTO budget_carries (organization_id, counter, budget, revision, period_start, base_nano_credits, cap_nano_credits,
                                    previous, lineage, budget_nano_credits, opened_sequence)
        SELECT organization, of_counter, budget_of_counter(of_counter), split_part(of_counter, ':', 5)::bigint,
               split_part(of_counter, ':', 4)::bigint, t.base, t.cap, of_previous, t.lineage, t.budget,
               CASE WHEN t.budget IS NOT NULL THEN head END
          FROM carry_terms(organization, of_counter, of_previous, in_zone) t
        ON CONFLICT (organization_id, counter) DO NOTHING;
    END IF;
    RETURN QUERY SELECT c.base_nano_credits, c.cap_nano_credits FROM budget_carries c
                  WHERE c.organization_id = organization AND c.counter = of_counter;
END $$;

CREATE FUNCTION public.refuse_audit_log_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% rows are immutable: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION public.rehash_api_key(old_hash bytea, new_hash bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE api_keys
       SET secret_hash = CASE WHEN secret_hash = old_hash THEN new_hash ELSE secret_hash END,
           previous_secret_hash = CASE WHEN previous_secret_hash = old_hash THEN new_hash ELSE previous_secret_hash END
     WHERE old_hash IN (secret_hash, previous_secret_hash) AND state <> 'DELETED';
    RETURN FOUND;
END
$$;

CREATE FUNCTION public.remove_standing() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_TABLE_NAME = 'members' THEN
        DELETE FROM standings WHERE organization_id = OLD.organization_id AND kind <> 'api_key' AND id = OLD.member_id;
        DELETE FROM key_counts WHERE organization_id = OLD.organization_id AND id = OLD.member_id;
    ELSE
        DELETE FROM standings WHERE organization_id = OLD.organization_id AND kind = 'api_key' AND id = OLD.api_key_id;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.replace_unknown_attempt() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM delivery_attempts a
     WHERE a.organization_id = NEW.organization_id AND a.delivery_id = NEW.delivery_id AND a.attempt_number = NEW.attempt_number
       AND a.outcome = 'UNKNOWN' AND NEW.outcome <> 'UNKNOWN';
    RETURN NEW;
END $$;

CREATE FUNCTION public.reports_budgets(r public.guardrails) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    SELECT r.soft_budget IS NOT NULL OR jsonb_path_exists(r.model_budgets, '$[*][2].soft')
$_$;

CREATE FUNCTION public.reseal_own_credential(of_credential text, before bytea, again bytea) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    UPDATE organization_provider_credentials SET sealed = again WHERE credential_id = of_credential AND sealed = before
$$;

CREATE FUNCTION public.restart_cycles() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM record_carries(r, OLD.time_zone) FROM guardrails r
      WHERE r.organization_id = NEW.organization_id AND r.rollover IS NOT NULL;
    PERFORM set_config('megarouter.former_time_zone', OLD.time_zone, true);
    UPDATE guardrails r SET cycle_revision = cycle_revision + 1
     WHERE organization_id = NEW.organization_id
       AND (cycle <> 'NEVER' OR EXISTS (SELECT FROM model_budgets_of(r) b WHERE b.cycle <> 'NEVER'));
    PERFORM set_config('megarouter.former_time_zone', '', true);
    RETURN NULL;
END $$;

CREATE FUNCTION public.restart_standing() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    changed CONSTANT guardrails := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    UPDATE standings t
       SET (cycle, revision, period_start, spent_nano_credits, call_count) = (
               SELECT * FROM present_standing(changed.organization_id, changed.scope_kind, changed.scope_id))
     WHERE t.organization_id = changed.organization_id AND t.id = changed.scope_id
       AND t.kind = ANY (CASE changed.scope_kind WHEN 'member' THEN ARRAY['member', 'service_account']
                                                 WHEN 'api_key' THEN ARRAY['api_key'] END);
    RETURN NULL;
END $$;

CREATE FUNCTION public.revise_all_identities() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE identity_revisions SET revision = revision + 1;
    RETURN NULL;
END $$;

CREATE FUNCTION public.revise_identities(organization text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    reached bigint;
BEGIN
    PERFORM FROM identity_revisions v WHERE v.organization_id = organization AND v.change_xid = pg_current_xact_id();
    IF FOUND THEN RETURN; END IF;
    INSERT INTO identity_revisions AS v VALUES (organization, 1, pg_current_xact_id())
        ON CONFLICT (organization_id) DO UPDATE SET revision = v.revision + 1, change_xid = excluded.change_xid
        RETURNING v.revision INTO reached;
    PERFORM pg_notify('megarouter_identity_revision', organization || ' ' || reached);
END $$;

CREATE FUNCTION public.revise_identities_of_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM revise_identities(OLD.organization_id); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM revise_identities(NEW.organization_id); END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.revised_model_budgets(old_budgets jsonb, new_budgets jsonb, restarted boolean) RETURNS jsonb
    LANGUAGE sql
    AS $$
    SELECT coalesce(jsonb_agg(
        CASE WHEN NOT coalesce(n.budget -> 2 ? 'cycle', false) THEN n.budget
             ELSE jsonb_set(n.budget, '{2,revision}', coalesce(
                 (SELECT o -> 2 -> 'revision' FROM jsonb_array_elements(old_budgets) AS o
                   WHERE NOT restarted AND o ->> 0 = n.budget ->> 0 AND o -> 2 ->> 'cycle' = n.budget -> 2 ->> 'cycle'),
                 to_jsonb(nextval('cycle_revisions')))) END
        ORDER BY n.place), '[]')
      FROM jsonb_array_elements(new_budgets) WITH ORDINALITY AS n (budget, place)
$$;

CREATE FUNCTION public.rollover_budgets(r public.guardrails) RETURNS TABLE(models text, budget bigint, cap bigint, cycle text, revision bigint, soonest_budget bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT '', r.budget_nano_credits, coalesce((r.rollover ->> 'cap')::bigint, r.budget_nano_credits), r.cycle, r.cycle_revision,
           (r.temporary_limit ->> 'budget_nano_credits')::bigint
     WHERE r.rollover IS NOT NULL AND r.budget_nano_credits IS NOT NULL AND r.cycle <> 'NEVER'
    UNION ALL
    SELECT b.models, b.budget, coalesce((b.options -> 'rollover' ->> 'cap')::bigint, b.budget), b.cycle, b.revision, NULL
      FROM model_budgets_of(r) b
     WHERE b.options ? 'rollover' AND b.cycle <> 'NEVER'
$$;

CREATE FUNCTION public.routing_of(organization text, path text[], of_key text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT CASE WHEN num_nonnulls(models.list, policies.list) > 0 THEN jsonb_build_array(models.list, policies.list) END
      FROM (SELECT jsonb_agg(jsonb_build_array(v.virtual_model_id, v.model_name, v.owner_kind, v.owner_id, v.candidates, v.baseline_model,
                                               v.revision, v.state = 'DISABLED', v.losses,
                                               (SELECT coalesce(jsonb_agg(r.use_case ORDER BY r.use_case), '[]')
                                                  FROM routing_returns r
                                                 WHERE r.organization_id = v.organization_id
                                                   AND r.virtual_model_id = v.virtual_model_id AND r.lift_time IS NULL))) AS list
              FROM virtual_models v
             WHERE v.organization_id = organization AND (v.owner_kind = 'organization' OR v.owner_id = ANY (path))) AS models,
           (SELECT jsonb_agg(jsonb_build_array(p.scope_kind, p.scope_id, p.mode, p.max_loss_basis_points, p.floors, p.allow_override,
                                               p.max_price_model, p.holdout_percent, p.degrade_at_percent)) AS list
              FROM routing_policies p
             WHERE p.organization_id = organization
               AND (p.scope_kind = 'organization' OR p.scope_kind = 'group' AND p.scope_id = ANY (path)
                    OR p.scope_kind = 'api_key' AND p.scope_id = of_key)) AS policies
$$;

CREATE FUNCTION public.sealed_channels(after_organization text, after_channel text, most integer) RETURNS TABLE(organization_id text, channel_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT c.organization_id, c.channel_id FROM notification_channels c
     WHERE (c.organization_id, c.channel_id) > (after_organization, after_channel)
       AND (c.sealed_target IS NOT NULL OR c.sealed_secret IS NOT NULL OR c.sealed_former_secret IS NOT NULL)
     ORDER BY c.organization_id, c.channel_id LIMIT most
$$;

CREATE FUNCTION public.sealed_own_credentials() RETURNS TABLE(organization_id text, provider_id text, credential_id text, sealed bytea)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT c.organization_id, c.provider_id, c.credential_id, c.sealed FROM organization_provider_credentials c ORDER BY c.credential_id
$$;

CREATE FUNCTION public.secrets_of_other_peppers(wanted text) RETURNS TABLE(kind text, organization_id text, secret_id text, expire_time timestamp with time zone)
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT 'API key', k.organization_id, k.api_key_id, k.expire_time
      FROM api_keys k
     WHERE k.state <> 'DELETED' AND k.pepper IS DISTINCT FROM wanted AND coalesce(k.expire_time > now(), true)
    UNION ALL
    SELECT 'replaced secret of an API key', k.organization_id, k.api_key_id, k.previous_expire_time
      FROM api_keys k
     WHERE k.state <> 'DELETED' AND k.previous_expire_time > now() AND k.previous_pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'access token', t.only_organization_id, t.access_token_id, t.expire_time
      FROM access_tokens t
     WHERE t.revoke_time IS NULL AND t.expire_time > now() AND t.pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'credential', c.organization_id, c.credential_id, c.expire_time
      FROM credentials c
     WHERE c.revoke_time IS NULL AND coalesce(c.expire_time > now(), true) AND c.pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'replaced secret of a credential', c.organization_id, c.credential_id, c.previous_expire_time
      FROM credentials c
     WHERE c.revoke_time IS NULL AND c.previous_expire_time > now() AND c.previous_pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'invite', i.organization_id, i.invite_id, i.expire_time
      FROM invites i
     WHERE i.revoke_time IS NULL AND i.expire_time > now() AND i.pepper IS DISTINCT FROM wanted
    UNION ALL
    SELECT 'sign-in link', l.organization_id, l.sign_in_link_id, l.expire_time
      FROM sign_in_links l
     WHERE l.revoke_time IS NULL AND l.use_time IS NULL AND l.expire_time > now() AND l.pepper IS DISTINCT FROM wanted
$$;

CREATE FUNCTION public.set_cycle_revision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

CREATE FUNCTION public.set_update_time() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.update_time := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION public.shared_export_of_secret(hash bytea) RETURNS TABLE(organization_id text, export_id text, user_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT e.organization_id, e.export_id, substr(e.requester, length('users/') + 1)
      FROM usage_exports e
     WHERE e.share_hash = hash AND e.share_expire_time > now() AND e.expire_time > now() AND e.requester LIKE 'users/%'
$$;

CREATE FUNCTION public.sign_in_link_of_secret(hash bytea) RETURNS TABLE(organization_id text, sign_in_link_id text, user_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT l.organization_id, l.sign_in_link_id, m.user_id
      FROM sign_in_links l
      JOIN members m ON m.organization_id = l.organization_id AND m.member_id = l.member_id
     WHERE l.secret_hash = hash AND l.use_time IS NULL AND l.revoke_time IS NULL AND l.expire_time > now() AND m.state = 'ACTIVE'
$$;

CREATE FUNCTION public.soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN soft_budget ? 'amount' THEN (soft_budget ->> 'amount')::bigint
                WHEN soft_budget ? 'percent'
                THEN ceil(coalesce((temporary_limit_now(temporary_limit) ->> 'budget_nano_credits')::numeric, budget)
                          * (soft_budget ->> 'percent')::numeric / 100)::bigint END
$$;

CREATE FUNCTION public.soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb, carried bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN carried = 0 OR NOT soft_budget ? 'percent' THEN soft_threshold(soft_budget, budget, temporary_limit)
                ELSE least(9223372036854775807,
                           ceil((coalesce((temporary_limit_now(temporary_limit) ->> 'budget_nano_credits')::numeric, budget) + carried)
                                * (soft_budget ->> 'percent')::numeric / 100))::bigint END
$$;

CREATE FUNCTION public.stored_objects_of(of_organization text, of_member text, of_provider text, kinds text[], object_ids text[]) RETURNS TABLE(provider_id text, kind text, object_id text, response_id text, requested_model text, tokens bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT s.provider_id, s.kind, s.object_id, s.response_id, s.requested_model, s.tokens
      FROM unnest(kinds, object_ids) AS asked (kind, object_id)
      JOIN stored_objects s ON s.object_id = asked.object_id AND s.kind = asked.kind
      LEFT JOIN api_keys k ON k.organization_id = s.organization_id AND k.api_key_id = s.api_key_id
     WHERE s.organization_id = of_organization AND coalesce(k.member_id, s.member_id) IN (of_member, '') AND s.expire_time > now()
       AND (of_provider IS NULL OR s.provider_id = of_provider)
$$;

CREATE FUNCTION public.temporary_limit_now(temporary_limit jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN (temporary_limit ->> 'end_us')::bigint > extract(epoch FROM now()) * 1000000 THEN temporary_limit END
$$;

CREATE FUNCTION public.threshold_of_counter(r public.guardrails, of_counter text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.top_up_requests_beyond(last_request text, most bigint, descending boolean) RETURNS TABLE(organization_id text, top_up_request_id text, user_id text, amount_nano_credits bigint, reason text, state text, create_time timestamp with time zone, decide_time timestamp with time zone, decider_user_id text, decision_reason text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    (SELECT organization_id, top_up_request_id, user_id, amount_nano_credits, reason, state, create_time, decide_time,
            decider_user_id, decision_reason
       FROM top_up_requests WHERE NOT descending AND top_up_request_id > last_request ORDER BY top_up_request_id LIMIT most)
    UNION ALL
    (SELECT organization_id, top_up_request_id, user_id, amount_nano_credits, reason, state, create_time, decide_time,
            decider_user_id, decision_reason
       FROM top_up_requests WHERE descending AND top_up_request_id < coalesce(nullif(last_request, ''), after_every_id())
      ORDER BY top_up_request_id DESC LIMIT most)
$$;

CREATE FUNCTION public.unpacked(packed text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    SELECT (string_to_array(packed, E'\x1f', E'\x1e'))[2:]
$$;

CREATE FUNCTION public.usage_exports_expired(most integer) RETURNS TABLE(organization_id text, export_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT e.organization_id, e.export_id FROM usage_exports e WHERE e.expire_time <= now() ORDER BY e.expire_time LIMIT most
$$;

CREATE FUNCTION public.usage_exports_waiting(most integer) RETURNS TABLE(organization_id text, export_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT w.organization_id, w.export_id
      FROM (SELECT e.organization_id, e.export_id, e.create_time, e.state, e.lease_end_time,
                   row_number() OVER (PARTITION BY e.organization_id ORDER BY e.create_time) AS place
              FROM usage_exports e WHERE e.state IN ('QUEUED', 'RUNNING') AND e.expire_time > now()) w
     CROSS JOIN LATERAL (SELECT max(b.start_time) AS time FROM usage_exports b WHERE b.organization_id = w.organization_id) last_begun
     WHERE w.state = 'QUEUED' OR w.lease_end_time < now()
     ORDER BY w.place, last_begun.time NULLS FIRST, w.create_time LIMIT most
$$;

CREATE FUNCTION public.use_credit_line() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF NEW.kind = 'ADJUSTMENT' AND EXISTS (
        SELECT FROM credit_grants g
         WHERE g.organization_id = NEW.organization_id AND 'grant:' || g.credit_grant_id = NEW.idempotency_key
           AND g.amount_nano_credits = NEW.amount_nano_credits)
    OR NEW.kind = 'TOP_UP' AND EXISTS (
        SELECT FROM top_up_requests r
         WHERE r.organization_id = NEW.organization_id AND 'top-up-request:' || r.top_up_request_id = NEW.idempotency_key
           AND r.amount_nano_credits = NEW.amount_nano_credits AND r.state = 'APPROVED')
    THEN
        RETURN NULL;
    END IF;
    UPDATE credit_lines SET used_nano_credits = used_nano_credits + NEW.amount_nano_credits
     WHERE organization_id = NEW.organization_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the organization has no credit line' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.used_of(organization text, of_counter text) RETURNS numeric
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT settled_nano_credits FROM scope_spend WHERE organization_id = organization AND counter = of_counter), 0)::numeric
         + (SELECT coalesce(sum(amount_nano_credits), 0) FROM holds
             WHERE state = 'HELD' AND organization_id = organization AND counters @> ARRAY[of_counter])
$$;

CREATE AGGREGATE public.bigint_sum(bigint) (
    SFUNC = int8pl,
    STYPE = bigint,
    COMBINEFUNC = int8pl,
    PARALLEL = safe
);

CREATE AGGREGATE public.member_union(bit varying) (
    SFUNC = public.member_union,
    STYPE = bit varying,
    COMBINEFUNC = public.member_union,
    PARALLEL = safe
);

CREATE TABLE public.access_tokens (
    access_token_id text NOT NULL,
    user_id text NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    secret_hash bytea NOT NULL,
    obfuscated_token text DEFAULT ''::text NOT NULL,
    only_organization_id text,
    permissions text[],
    expire_time timestamp with time zone NOT NULL,
    revoke_time timestamp with time zone,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    may_operate boolean DEFAULT false NOT NULL,
    issuer text DEFAULT ''::text NOT NULL,
    super_admin_end_time timestamp with time zone,
    pepper text,
    CONSTRAINT access_tokens_access_token_id_check CHECK ((access_token_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT access_tokens_secret_hash_check CHECK ((length(secret_hash) = 32)),
    CONSTRAINT permissions_are_some CHECK (((cardinality(permissions) >= 1) AND (cardinality(permissions) <= 100)))
);

CREATE TABLE public.account_refusals (
    organization_id text NOT NULL,
    provider_id text NOT NULL,
    reason text NOT NULL,
    ledger_sequence bigint NOT NULL,
    hold_id text NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.alert_events (
    organization_id text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    severity text NOT NULL,
    rule_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    group_path text[] NOT NULL,
    occasion text NOT NULL,
    threshold text NOT NULL,
    epoch integer DEFAULT 0 NOT NULL,
    ledger_sequence bigint,
    hold_id text,
    data jsonb NOT NULL,
    occur_time timestamp with time zone NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT alert_events_severity_check CHECK ((severity = ANY (ARRAY['INFO'::text, 'WARNING'::text, 'ALERT'::text])))
);

CREATE TABLE public.alert_lags (
    organization_id text NOT NULL,
    source text NOT NULL,
    sequence bigint NOT NULL,
    changes_until timestamp with time zone,
    audit_sequence bigint NOT NULL,
    audit_seen bigint NOT NULL,
    looked_until timestamp with time zone,
    failure_count integer NOT NULL,
    retry_time timestamp with time zone NOT NULL
);

CREATE TABLE public.alert_positions (
    organization_id text NOT NULL,
    sequence bigint NOT NULL,
    changes_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    audit_sequence bigint DEFAULT 0 NOT NULL,
    looked_until timestamp with time zone,
    next_look_time timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    audit_seen bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.alert_states (
    organization_id text NOT NULL,
    rule_id text NOT NULL,
    occasion text NOT NULL,
    threshold text NOT NULL,
    epoch integer DEFAULT 0 NOT NULL,
    is_reached boolean NOT NULL
);

CREATE TABLE public.analysis_settings (
    organization_id text NOT NULL,
    api_key_id text NOT NULL,
    salt bytea NOT NULL,
    model text NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT analysis_settings_salt_check CHECK ((length(salt) = 32))
);

CREATE TABLE public.anomaly_positions (
    organization_id text NOT NULL,
    judged_until timestamp with time zone,
    checked_until timestamp with time zone
);

CREATE TABLE public.anomaly_scopes (
    organization_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    fingerprint text NOT NULL
);

CREATE TABLE public.anomaly_verdicts (
    organization_id text NOT NULL,
    anomaly_id text NOT NULL,
    verdict text NOT NULL,
    note text NOT NULL,
    user_id text NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT anomaly_verdicts_verdict_check CHECK ((verdict = ANY (ARRAY['PLANNED'::text, 'WRONG'::text, 'RIGHT'::text])))
);

CREATE TABLE public.scope_spend (
    organization_id text NOT NULL,
    counter text NOT NULL,
    settled_nano_credits bigint DEFAULT 0 NOT NULL,
    call_count bigint DEFAULT 0 NOT NULL,
    shadow_refusal_count bigint DEFAULT 0 NOT NULL,
    last_use_time timestamp with time zone,
    carried_nano_credits bigint DEFAULT 0 NOT NULL,
    carried_call_count bigint DEFAULT 0 NOT NULL,
    carried_sequence bigint,
    carried_since timestamp with time zone,
    CONSTRAINT scope_spend_shadow_refusal_count_check CHECK ((shadow_refusal_count >= 0))
);

CREATE VIEW public.api_key_usage WITH (security_invoker='true') AS
 SELECT organization_id,
    split_part(counter, ':'::text, 2) AS api_key_id,
    max(last_use_time) AS last_use_time
   FROM public.scope_spend
  WHERE (counter ~~ 'api\_key:%'::text)
  GROUP BY organization_id, (split_part(counter, ':'::text, 2));

CREATE TABLE public.api_keys (
    organization_id text NOT NULL,
    api_key_id text NOT NULL,
    member_id text NOT NULL,
    group_path text[] DEFAULT '{}'::text[] NOT NULL,
    display_name text NOT NULL,
    secret_hash bytea NOT NULL,
    obfuscated_key text NOT NULL,
    previous_secret_hash bytea,
    previous_expire_time timestamp with time zone,
    state text DEFAULT 'ACTIVE'::text NOT NULL,
    disabled_by_member text,
    disabled_time timestamp with time zone,
    expire_time timestamp with time zone,
    ip_allow_list cidr[],
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    bounds jsonb DEFAULT '{}'::jsonb NOT NULL,
    pepper text,
    previous_pepper text,
    CONSTRAINT api_keys_api_key_id_check CHECK ((api_key_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT api_keys_bounds_check CHECK ((jsonb_typeof(bounds) = 'object'::text)),
    CONSTRAINT api_keys_ip_allow_list_check CHECK ((cardinality(ip_allow_list) <= 100)),
    CONSTRAINT api_keys_previous_secret_hash_check CHECK ((length(previous_secret_hash) = 32)),
    CONSTRAINT api_keys_secret_hash_check CHECK ((length(secret_hash) = 32)),
    CONSTRAINT api_keys_state_check CHECK ((state = ANY (ARRAY['ACTIVE'::text, 'DISABLED'::text, 'DELETED'::text]))),
    CONSTRAINT previous_secret_has_an_end CHECK (((previous_secret_hash IS NULL) = (previous_expire_time IS NULL))),
    CONSTRAINT two_secrets CHECK ((previous_secret_hash <> secret_hash))
);

CREATE TABLE public.audit_log (
    organization_id text NOT NULL,
    sequence bigint NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    user_id text NOT NULL,
    member_id text,
    role text,
    access_token_id text,
    method text NOT NULL,
    resource_name text NOT NULL,
    group_path text[] DEFAULT '{}'::text[] NOT NULL,
    before jsonb,
    after jsonb,
    request_id text DEFAULT ''::text NOT NULL,
    call_id text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    issuer text DEFAULT ''::text NOT NULL,
    refusal text DEFAULT ''::text NOT NULL,
    credential_id text
);

ALTER TABLE public.audit_log ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.budget_carries (
    organization_id text NOT NULL,
    counter text NOT NULL,
    budget text NOT NULL,
    revision bigint NOT NULL,
    period_start bigint NOT NULL,
    base_nano_credits bigint NOT NULL,
    cap_nano_credits bigint NOT NULL,
    previous text,
    lineage bigint NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    budget_nano_credits bigint,
    opened_sequence bigint,
    CONSTRAINT budget_carries_base_nano_credits_check CHECK ((base_nano_credits >= 0)),
    CONSTRAINT budget_carries_cap_nano_credits_check CHECK ((cap_nano_credits >= 0))
);

CREATE TABLE public.budget_events (
    organization_id text NOT NULL,
    counter text NOT NULL,
    threshold_nano_credits bigint NOT NULL,
    spent_nano_credits bigint NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    deliver_time timestamp with time zone
);

CREATE TABLE public.call_ratings (
    organization_id text NOT NULL,
    request_id text NOT NULL,
    member_id text NOT NULL,
    hold_id text,
    rating text NOT NULL,
    reason text,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT call_ratings_rating_check CHECK ((rating = ANY (ARRAY['good'::text, 'bad'::text]))),
    CONSTRAINT call_ratings_reason_check CHECK ((reason = ANY (ARRAY['incorrect'::text, 'incomplete'::text, 'off_topic'::text, 'refused'::text, 'too_long'::text, 'too_slow'::text, 'wrong_format'::text, 'other'::text])))
);

CREATE TABLE public.catalog_virtual_models (
    model_name text NOT NULL,
    definition jsonb NOT NULL
);

CREATE TABLE public.claim_mappings (
    organization_id text NOT NULL,
    claim_mapping_id text NOT NULL COLLATE pg_catalog."C",
    issuer text NOT NULL,
    claim text NOT NULL,
    value text NOT NULL,
    role text NOT NULL,
    group_id text,
    user_id text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT claim_mappings_claim_check CHECK (((length(claim) >= 1) AND (length(claim) <= 100))),
    CONSTRAINT claim_mappings_claim_mapping_id_check CHECK ((claim_mapping_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT claim_mappings_issuer_check CHECK (((length(issuer) >= 1) AND (length(issuer) <= 500))),
    CONSTRAINT claim_mappings_role_check CHECK ((role = ANY (ARRAY['SUPER_ADMIN'::text, 'L1_ADMIN'::text, 'SUB_ADMIN'::text, 'MEMBER'::text]))),
    CONSTRAINT claim_mappings_value_check CHECK (((length(value) >= 1) AND (length(value) <= 500)))
);

CREATE TABLE public.claim_memberships (
    organization_id text NOT NULL,
    member_id text NOT NULL,
    user_id text NOT NULL,
    issuer text NOT NULL,
    role text NOT NULL,
    group_id text,
    base_role text,
    base_group_id text,
    is_overridden boolean DEFAULT false NOT NULL
);

CREATE TABLE public.configuration_answers (
    teller text NOT NULL,
    number bigint NOT NULL,
    refusal text NOT NULL,
    seen_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.configuration_versions (
    number bigint NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    user_id text NOT NULL,
    method text NOT NULL,
    resource_name text NOT NULL,
    refusal text DEFAULT ''::text NOT NULL
);

ALTER TABLE public.configuration_versions ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.configuration_versions_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.credentials (
    organization_id text NOT NULL,
    credential_id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL,
    kind text NOT NULL,
    display_name text NOT NULL,
    permissions text[] NOT NULL,
    secret_hash bytea NOT NULL,
    obfuscated_secret text NOT NULL,
    previous_secret_hash bytea,
    previous_expire_time timestamp with time zone,
    expire_time timestamp with time zone NOT NULL,
    revoke_time timestamp with time zone,
    creator_user_id text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    may_change_admins boolean DEFAULT false NOT NULL,
    pepper text,
    previous_pepper text,
    CONSTRAINT credentials_credential_id_check CHECK ((credential_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT credentials_kind_check CHECK ((kind = ANY (ARRAY['SCIM'::text, 'AUTOMATION'::text]))),
    CONSTRAINT credentials_permissions_check CHECK (((cardinality(permissions) >= 1) AND (cardinality(permissions) <= 100))),
    CONSTRAINT credentials_previous_secret_hash_check CHECK ((length(previous_secret_hash) = 32)),
    CONSTRAINT credentials_secret_hash_check CHECK ((length(secret_hash) = 32)),
    CONSTRAINT only_scim_changes_admins CHECK (((kind = 'SCIM'::text) OR (NOT may_change_admins))),
    CONSTRAINT previous_secret_ends CHECK (((previous_secret_hash IS NULL) = (previous_expire_time IS NULL))),
    CONSTRAINT secrets_differ CHECK ((previous_secret_hash <> secret_hash))
);

CREATE TABLE public.credit_grants (
    organization_id text NOT NULL,
    credit_grant_id text NOT NULL,
    user_id text NOT NULL,
    amount_nano_credits bigint NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT credit_grants_amount_nano_credits_check CHECK ((amount_nano_credits > 0))
);

CREATE TABLE public.credit_lines (
    organization_id text NOT NULL,
    line_nano_credits bigint DEFAULT 0,
    used_nano_credits bigint DEFAULT 0 NOT NULL,
    user_id text,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT credit_lines_line_nano_credits_check CHECK ((line_nano_credits >= 0)),
    CONSTRAINT credit_lines_used_nano_credits_check CHECK ((used_nano_credits >= 0)),
    CONSTRAINT within_line CHECK ((used_nano_credits <= line_nano_credits))
);

CREATE SEQUENCE public.cycle_revisions
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.delivery_attempts (
    organization_id text NOT NULL,
    delivery_id text NOT NULL,
    attempt_number integer NOT NULL,
    start_time timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL,
    address text NOT NULL,
    request text NOT NULL,
    http_status integer,
    answer text NOT NULL,
    outcome text NOT NULL,
    error text NOT NULL,
    message_id text DEFAULT ''::text NOT NULL,
    CONSTRAINT delivery_attempts_outcome_check CHECK ((outcome = ANY (ARRAY['DELIVERED'::text, 'RETRY'::text, 'REFUSED'::text, 'UNKNOWN'::text])))
);

CREATE TABLE public.deployment_settings (
    only_row boolean DEFAULT true NOT NULL,
    personal_accounts boolean DEFAULT true NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    sends_mail boolean DEFAULT false NOT NULL,
    CONSTRAINT deployment_settings_only_row_check CHECK (only_row)
);

CREATE TABLE public.export_schedules (
    organization_id text NOT NULL,
    schedule_id text NOT NULL,
    requester text NOT NULL,
    user_id text NOT NULL,
    role text NOT NULL,
    display_name text NOT NULL,
    request bytea NOT NULL,
    period text NOT NULL,
    cadence text NOT NULL,
    weekday integer NOT NULL,
    day_of_month integer NOT NULL,
    hour integer NOT NULL,
    pause_reason text DEFAULT ''::text NOT NULL,
    due_after timestamp with time zone NOT NULL,
    next_run_time timestamp with time zone NOT NULL,
    time_zone text NOT NULL,
    last_run_time timestamp with time zone,
    last_export_id text DEFAULT ''::text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT export_schedules_cadence_check CHECK ((cadence = ANY (ARRAY['DAILY'::text, 'WEEKLY'::text, 'MONTHLY'::text]))),
    CONSTRAINT export_schedules_day_of_month_check CHECK (((day_of_month >= 0) AND (day_of_month <= 28))),
    CONSTRAINT export_schedules_hour_check CHECK (((hour >= 0) AND (hour <= 23))),
    CONSTRAINT export_schedules_pause_reason_check CHECK ((pause_reason = ANY (ARRAY[''::text, 'REQUESTED'::text, 'CREATOR_GONE'::text, 'RIGHTS_LOST'::text, 'TOO_MANY_EXPORTS'::text]))),
    CONSTRAINT export_schedules_period_check CHECK ((period = ANY (ARRAY['DAILY'::text, 'WEEKLY'::text, 'MONTHLY'::text]))),
    CONSTRAINT export_schedules_weekday_check CHECK (((weekday >= 0) AND (weekday <= 7)))
);

CREATE TABLE public.groups (
    organization_id text NOT NULL,
    group_id text NOT NULL,
    parent_group_id text,
    path text[] NOT NULL,
    display_name text NOT NULL,
    delete_time timestamp with time zone,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    tree_order text GENERATED ALWAYS AS ((((path[1] || COALESCE((' '::text || path[2]), ''::text)) || COALESCE((' '::text || path[3]), ''::text)) || COALESCE((' '::text || path[4]), ''::text))) STORED NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT four_levels CHECK (((cardinality(path) >= 1) AND (cardinality(path) <= 4))),
    CONSTRAINT groups_display_name_check CHECK (((length(display_name) >= 1) AND (length(display_name) <= 200))),
    CONSTRAINT groups_group_id_check CHECK ((group_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT path_ends_here CHECK ((path[cardinality(path)] = group_id)),
    CONSTRAINT path_passes_parent CHECK ((((parent_group_id IS NULL) AND (cardinality(path) = 1)) OR (path[(cardinality(path) - 1)] = parent_group_id)))
);

CREATE TABLE public.guardrail_defaults (
    organization_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    default_id text GENERATED ALWAYS AS (
CASE scope_kind
    WHEN 'organization'::text THEN 'organization'::text
    ELSE ('group-'::text || scope_id)
END) STORED NOT NULL COLLATE pg_catalog."C",
    member_limits jsonb DEFAULT '{}'::jsonb NOT NULL,
    key_limits jsonb DEFAULT '{}'::jsonb NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT guardrail_defaults_key_limits_check CHECK ((jsonb_typeof(key_limits) = 'object'::text)),
    CONSTRAINT guardrail_defaults_member_limits_check CHECK ((jsonb_typeof(member_limits) = 'object'::text)),
    CONSTRAINT guardrail_defaults_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'group'::text]))),
    CONSTRAINT organization_default_is_its_own CHECK (((scope_kind <> 'organization'::text) OR (scope_id = organization_id)))
);

CREATE TABLE public.held_alerts (
    organization_id text NOT NULL,
    channel_id text NOT NULL,
    event_id text NOT NULL,
    rule_id text,
    frequency text NOT NULL,
    quiet_hours jsonb,
    send_time timestamp with time zone NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    released_event_id text,
    release_time timestamp with time zone
);

CREATE TABLE public.holds (
    hold_id text NOT NULL,
    organization_id text NOT NULL,
    member_id text NOT NULL,
    api_key_id text NOT NULL,
    amount_nano_credits bigint NOT NULL,
    token text NOT NULL,
    counters text[] NOT NULL,
    placement bigint DEFAULT 0 NOT NULL,
    place_time timestamp with time zone NOT NULL,
    expire_time timestamp with time zone NOT NULL,
    state text DEFAULT 'HELD'::text NOT NULL,
    resolve_time timestamp with time zone,
    CONSTRAINT holds_amount_nano_credits_check CHECK ((amount_nano_credits >= 0)),
    CONSTRAINT holds_placement_check CHECK ((placement >= 0)),
    CONSTRAINT holds_state_check CHECK ((state = ANY (ARRAY['HELD'::text, 'SETTLED'::text, 'VOIDED'::text, 'EXPIRED'::text]))),
    CONSTRAINT resolved_or_held CHECK (((state = 'HELD'::text) = (resolve_time IS NULL)))
)
WITH (autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.identity_revisions (
    organization_id text NOT NULL,
    revision bigint NOT NULL,
    change_xid xid8 NOT NULL
);

CREATE TABLE public.inbox_entries (
    organization_id text NOT NULL,
    member_id text NOT NULL,
    event_id text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    acknowledge_time timestamp with time zone
);

CREATE TABLE public.invites (
    organization_id text NOT NULL,
    invite_id text NOT NULL,
    inviter_member_id text NOT NULL,
    group_id text,
    group_path text[] DEFAULT '{}'::text[] NOT NULL,
    role text NOT NULL,
    secret_hash bytea NOT NULL,
    expire_time timestamp with time zone NOT NULL,
    max_uses integer DEFAULT 1 NOT NULL,
    use_count integer DEFAULT 0 NOT NULL,
    email text,
    email_domain text,
    revoke_time timestamp with time zone,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    member_limits jsonb DEFAULT '{}'::jsonb NOT NULL,
    pepper text,
    CONSTRAINT bound_once CHECK (((email IS NULL) OR (email_domain IS NULL))),
    CONSTRAINT invited_group_admins_have_a_group CHECK (((role <> ALL (ARRAY['L1_ADMIN'::text, 'SUB_ADMIN'::text])) OR (group_id IS NOT NULL))),
    CONSTRAINT invites_email_check CHECK (((email = lower(email)) AND ((length(email) >= 3) AND (length(email) <= 254)))),
    CONSTRAINT invites_email_domain_check CHECK (((email_domain = lower(email_domain)) AND ((length(email_domain) >= 3) AND (length(email_domain) <= 253)))),
    CONSTRAINT invites_invite_id_check CHECK ((invite_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT invites_max_uses_check CHECK (((max_uses >= 1) AND (max_uses <= 1000))),
    CONSTRAINT invites_member_limits_check CHECK ((jsonb_typeof(member_limits) = 'object'::text)),
    CONSTRAINT invites_role_check CHECK ((role = ANY (ARRAY['SUPER_ADMIN'::text, 'L1_ADMIN'::text, 'SUB_ADMIN'::text, 'MEMBER'::text]))),
    CONSTRAINT invites_secret_hash_check CHECK ((length(secret_hash) = 32)),
    CONSTRAINT never_used_too_often CHECK (((use_count >= 0) AND (use_count <= max_uses)))
);

CREATE TABLE public.invoice_requests (
    organization_id text NOT NULL,
    invoice_request_id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL,
    currency_code text NOT NULL,
    amount_units bigint NOT NULL,
    amount_nanos integer NOT NULL,
    credit_nano_credits bigint NOT NULL,
    billing_email text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'PENDING'::text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT invoice_requests_amount_nanos_check CHECK (((amount_nanos >= 0) AND (amount_nanos <= 999999999))),
    CONSTRAINT invoice_requests_amount_units_check CHECK ((amount_units >= 0)),
    CONSTRAINT invoice_requests_credit_nano_credits_check CHECK ((credit_nano_credits > 0)),
    CONSTRAINT invoice_requests_currency_code_check CHECK ((currency_code ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT invoice_requests_invoice_request_id_check CHECK ((invoice_request_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT invoice_requests_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'DELIVERED'::text])))
);

CREATE TABLE public.journal_offsets (
    journal text NOT NULL,
    inode bigint NOT NULL,
    byte_offset bigint NOT NULL,
    fingerprint bytea,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT journal_offsets_byte_offset_check CHECK ((byte_offset >= 0))
);

CREATE TABLE public.key_counts (
    organization_id text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    group_path text[] NOT NULL,
    is_removed boolean NOT NULL,
    key_count bigint NOT NULL,
    CONSTRAINT key_counts_kind_check CHECK ((kind = ANY (ARRAY['member'::text, 'service_account'::text])))
);

CREATE TABLE public.ledger_accounts (
    organization_id text NOT NULL,
    account text NOT NULL,
    balance_nano_credits bigint DEFAULT 0 NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ledger_accounts_account_check CHECK ((account = ANY (ARRAY['CREDIT_POOL'::text, 'USAGE'::text, 'TOP_UPS'::text, 'ADJUSTMENTS'::text])))
);

CREATE TABLE public.ledger_heads (
    organization_id text NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    cycle_change_time timestamp with time zone,
    has_soft_budgets boolean DEFAULT false NOT NULL,
    last_carry_start timestamp with time zone
);

CREATE TABLE public.ledger_transfers (
    organization_id text NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    debit_account text NOT NULL,
    credit_account text NOT NULL,
    amount_nano_credits bigint NOT NULL,
    idempotency_key text NOT NULL,
    hold_id text,
    corrects_sequence bigint,
    actor text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    create_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT allowed_route CHECK ((((kind = 'TOP_UP'::text) AND (debit_account = 'TOP_UPS'::text) AND (credit_account = 'CREDIT_POOL'::text)) OR ((kind = 'USAGE'::text) AND (debit_account = 'CREDIT_POOL'::text) AND (credit_account = 'USAGE'::text)) OR ((kind = 'REFUND'::text) AND (debit_account = 'CREDIT_POOL'::text) AND (credit_account = 'TOP_UPS'::text)) OR ((kind = 'ADJUSTMENT'::text) AND (('ADJUSTMENTS'::text = debit_account) OR ('ADJUSTMENTS'::text = credit_account)) AND (('CREDIT_POOL'::text = debit_account) OR ('CREDIT_POOL'::text = credit_account))) OR ((kind = 'CORRECTION'::text) AND (('USAGE'::text = debit_account) OR ('USAGE'::text = credit_account)) AND (('CREDIT_POOL'::text = debit_account) OR ('CREDIT_POOL'::text = credit_account))))),
    CONSTRAINT ledger_transfers_amount_nano_credits_check CHECK ((amount_nano_credits > 0)),
    CONSTRAINT ledger_transfers_idempotency_key_check CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 200))),
    CONSTRAINT ledger_transfers_kind_check CHECK ((kind = ANY (ARRAY['TOP_UP'::text, 'USAGE'::text, 'ADJUSTMENT'::text, 'REFUND'::text, 'CORRECTION'::text]))),
    CONSTRAINT ledger_transfers_sequence_check CHECK ((sequence > 0)),
    CONSTRAINT two_accounts CHECK ((debit_account <> credit_account))
);

CREATE VIEW public.ledger_postings WITH (security_invoker='true') AS
 SELECT ledger_transfers.organization_id,
    ledger_transfers.sequence,
    ledger_transfers.kind,
    ledger_transfers.credit_account AS account,
    ledger_transfers.amount_nano_credits,
    ledger_transfers.hold_id,
    ledger_transfers.create_time
   FROM public.ledger_transfers
UNION ALL
 SELECT ledger_transfers.organization_id,
    ledger_transfers.sequence,
    ledger_transfers.kind,
    ledger_transfers.debit_account AS account,
    (- ledger_transfers.amount_nano_credits) AS amount_nano_credits,
    ledger_transfers.hold_id,
    ledger_transfers.create_time
   FROM public.ledger_transfers;

CREATE TABLE public.listener_limits (
    is_set boolean DEFAULT true NOT NULL,
    model_connections integer NOT NULL,
    admin_connections integer NOT NULL,
    concurrent_provider_calls integer NOT NULL,
    request_body_bytes integer DEFAULT 33554432 NOT NULL,
    call_idle_seconds integer DEFAULT 900 NOT NULL,
    call_duration_seconds integer DEFAULT 3600 NOT NULL,
    CONSTRAINT listener_limits_admin_connections_check CHECK ((admin_connections > 0)),
    CONSTRAINT listener_limits_call_duration_seconds_check CHECK ((call_duration_seconds > 0)),
    CONSTRAINT listener_limits_call_idle_seconds_check CHECK ((call_idle_seconds > 0)),
    CONSTRAINT listener_limits_concurrent_provider_calls_check CHECK ((concurrent_provider_calls > 0)),
    CONSTRAINT listener_limits_is_set_check CHECK (is_set),
    CONSTRAINT listener_limits_model_connections_check CHECK ((model_connections > 0)),
    CONSTRAINT listener_limits_request_body_bytes_check CHECK ((request_body_bytes > 0))
);

CREATE TABLE public.mail_preferences (
    organization_id text NOT NULL,
    member_id text NOT NULL,
    is_off boolean DEFAULT false NOT NULL,
    event_types_off text[] DEFAULT '{}'::text[] NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT mail_preferences_event_types_off_check CHECK ((cardinality(event_types_off) <= 64))
);

CREATE TABLE public.members (
    organization_id text NOT NULL,
    member_id text NOT NULL,
    user_id text,
    group_id text,
    group_path text[] DEFAULT '{}'::text[] NOT NULL,
    role text NOT NULL,
    state text DEFAULT 'ACTIVE'::text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    display_name text,
    CONSTRAINT group_admins_have_a_group CHECK (((role <> ALL (ARRAY['L1_ADMIN'::text, 'SUB_ADMIN'::text])) OR (group_id IS NOT NULL))),
    CONSTRAINT members_display_name_check CHECK (((length(display_name) >= 1) AND (length(display_name) <= 200))),
    CONSTRAINT members_member_id_check CHECK ((member_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT members_role_check CHECK ((role = ANY (ARRAY['SUPER_ADMIN'::text, 'L1_ADMIN'::text, 'SUB_ADMIN'::text, 'MEMBER'::text]))),
    CONSTRAINT members_state_check CHECK ((state = ANY (ARRAY['ACTIVE'::text, 'SUSPENDED'::text, 'REMOVED'::text]))),
    CONSTRAINT person_or_service_account CHECK ((((user_id IS NULL) = (member_id ~~ 'sa-%'::text)) AND ((user_id IS NULL) = (display_name IS NOT NULL)) AND ((user_id IS NOT NULL) OR (role = 'MEMBER'::text))))
);

CREATE TABLE public.models (
    model_name text NOT NULL,
    provider_id text NOT NULL,
    definition jsonb NOT NULL,
    offered boolean DEFAULT true NOT NULL,
    origin text DEFAULT 'FILE'::text NOT NULL,
    CONSTRAINT models_origin_check CHECK ((origin = ANY (ARRAY['FILE'::text, 'API'::text])))
);

CREATE TABLE public.notification_channels (
    organization_id text NOT NULL,
    channel_id text NOT NULL,
    kind text NOT NULL,
    display_name text NOT NULL,
    group_id text,
    target_hint text NOT NULL,
    sealed_target bytea,
    sealed_secret bytea,
    sealed_former_secret bytea,
    former_secret_end_time timestamp with time zone,
    state text DEFAULT 'ENABLED'::text NOT NULL,
    disable_reason text DEFAULT ''::text NOT NULL,
    failing_since timestamp with time zone,
    next_attempt_time timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    member_id text,
    disable_time timestamp with time zone,
    mailed_member_id text,
    bucket_time timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT either_a_target_or_a_member CHECK (((sealed_target IS NULL) = (mailed_member_id IS NOT NULL))),
    CONSTRAINT notification_channels_check CHECK (((member_id IS NULL) OR (group_id IS NULL))),
    CONSTRAINT notification_channels_kind_check CHECK ((kind = ANY (ARRAY['CALLBACK'::text, 'SLACK'::text, 'TEAMS'::text, 'DISCORD'::text, 'FEISHU'::text, 'DINGTALK'::text, 'WECOM'::text, 'PAGERDUTY'::text, 'EMAIL'::text]))),
    CONSTRAINT notification_channels_state_check CHECK ((state = ANY (ARRAY['ENABLED'::text, 'DISABLED'::text])))
);

CREATE TABLE public.notification_deliveries (
    organization_id text NOT NULL,
    delivery_id text NOT NULL,
    channel_id text NOT NULL,
    event_id text NOT NULL,
    state text DEFAULT 'PENDING'::text NOT NULL,
    attempt_count integer DEFAULT 0 NOT NULL,
    next_attempt_time timestamp with time zone DEFAULT now(),
    claim text DEFAULT ''::text NOT NULL,
    lease_end_time timestamp with time zone,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    end_time timestamp with time zone,
    schedule_start_time timestamp with time zone,
    former_attempt_count integer DEFAULT 0 NOT NULL,
    is_alone boolean DEFAULT false NOT NULL,
    CONSTRAINT notification_deliveries_check CHECK ((((state = 'PENDING'::text) = (next_attempt_time IS NOT NULL)) AND ((state = 'PENDING'::text) = (end_time IS NULL)))),
    CONSTRAINT notification_deliveries_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'DELIVERED'::text, 'FAILED'::text, 'CANCELED'::text])))
);

CREATE TABLE public.notification_rules (
    organization_id text NOT NULL,
    rule_id text NOT NULL,
    display_name text NOT NULL,
    state text DEFAULT 'ENABLED'::text NOT NULL,
    event_types text[] NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    includes_descendants boolean DEFAULT true NOT NULL,
    percents integer[] DEFAULT '{}'::integer[] NOT NULL,
    amounts_nano_credits bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    recipients jsonb NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    conditions jsonb DEFAULT '{}'::jsonb NOT NULL,
    severity text DEFAULT ''::text NOT NULL,
    frequency text DEFAULT 'AT_ONCE'::text NOT NULL,
    quiet_hours jsonb,
    overrides_rule_id text,
    forbids_overrides boolean DEFAULT false NOT NULL,
    CONSTRAINT notification_rules_amounts_nano_credits_check CHECK (((cardinality(amounts_nano_credits) <= 16) AND (0 < ALL (amounts_nano_credits)))),
    CONSTRAINT notification_rules_check CHECK ((overrides_rule_id <> rule_id)),
    CONSTRAINT notification_rules_conditions_check CHECK ((jsonb_typeof(conditions) = 'object'::text)),
    CONSTRAINT notification_rules_event_types_check CHECK (((cardinality(event_types) >= 1) AND (cardinality(event_types) <= 64))),
    CONSTRAINT notification_rules_frequency_check CHECK ((frequency = ANY (ARRAY['AT_ONCE'::text, 'DAILY'::text, 'WEEKLY'::text]))),
    CONSTRAINT notification_rules_percents_check CHECK (((cardinality(percents) <= 16) AND (1 <= ALL (percents)) AND (1000 >= ALL (percents)))),
    CONSTRAINT notification_rules_recipients_check CHECK (((jsonb_typeof(recipients) = 'array'::text) AND ((jsonb_array_length(recipients) >= 1) AND (jsonb_array_length(recipients) <= 32)))),
    CONSTRAINT notification_rules_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'group'::text, 'member'::text, 'api_key'::text]))),
    CONSTRAINT notification_rules_severity_check CHECK ((severity = ANY (ARRAY[''::text, 'INFO'::text, 'WARNING'::text, 'ALERT'::text]))),
    CONSTRAINT notification_rules_state_check CHECK ((state = ANY (ARRAY['ENABLED'::text, 'DISABLED'::text])))
);

CREATE TABLE public.open_incidents (
    organization_id text NOT NULL,
    channel_id text NOT NULL,
    rule_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    occasion text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.operator_audit_log (
    sequence bigint NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    user_id text,
    access_token_id text,
    method text NOT NULL,
    concerned_organization_id text,
    resource_name text NOT NULL,
    before jsonb,
    after jsonb,
    request_id text DEFAULT ''::text NOT NULL,
    call_id text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    issuer text DEFAULT ''::text NOT NULL
);

ALTER TABLE public.operator_audit_log ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.operator_audit_log_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.organization_provider_credentials (
    organization_id text NOT NULL,
    provider_id text NOT NULL,
    credential_id text NOT NULL,
    sealed bytea NOT NULL,
    fingerprint text NOT NULL,
    set_by text NOT NULL,
    set_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    live boolean DEFAULT false NOT NULL,
    gateway_fallback boolean DEFAULT false NOT NULL
);

CREATE TABLE public.organizations (
    organization_id text NOT NULL,
    kind text DEFAULT 'ORGANIZATION'::text NOT NULL,
    display_name text NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    state text DEFAULT 'ACTIVE'::text NOT NULL,
    input_estimate text DEFAULT 'BALANCED'::text NOT NULL,
    expired_hold_policy text DEFAULT 'CHARGE_HOLD'::text NOT NULL,
    billing_email text,
    suspend_time timestamp with time zone,
    delete_time timestamp with time zone,
    purge_time timestamp with time zone,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    budget_mode text DEFAULT 'STRICT'::text NOT NULL,
    is_blocked boolean DEFAULT false NOT NULL,
    key_max_life interval,
    key_requires_whitelist boolean DEFAULT false NOT NULL,
    key_requires_budget boolean DEFAULT false NOT NULL,
    purged_time timestamp with time zone,
    CONSTRAINT only_deleted_are_purged CHECK (((purged_time IS NULL) OR (state = 'DELETED'::text))),
    CONSTRAINT organizations_billing_email_check CHECK (((length(billing_email) >= 3) AND (length(billing_email) <= 254))),
    CONSTRAINT organizations_budget_mode_check CHECK ((budget_mode = ANY (ARRAY['STRICT'::text, 'BALANCED'::text]))),
    CONSTRAINT organizations_display_name_check CHECK (((length(display_name) >= 1) AND (length(display_name) <= 200))),
    CONSTRAINT organizations_expired_hold_policy_check CHECK ((expired_hold_policy = ANY (ARRAY['CHARGE_HOLD'::text, 'CHARGE_INPUT'::text, 'RELEASE'::text]))),
    CONSTRAINT organizations_input_estimate_check CHECK ((input_estimate = ANY (ARRAY['STRICT'::text, 'BALANCED'::text]))),
    CONSTRAINT organizations_key_max_life_check CHECK ((key_max_life > '00:00:00'::interval)),
    CONSTRAINT organizations_kind_check CHECK ((kind = ANY (ARRAY['ORGANIZATION'::text, 'PERSONAL'::text]))),
    CONSTRAINT organizations_organization_id_check CHECK ((organization_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT organizations_state_check CHECK ((state = ANY (ARRAY['ACTIVE'::text, 'SUSPENDED'::text, 'DELETED'::text]))),
    CONSTRAINT personal_accounts_stay CHECK (((kind <> 'PERSONAL'::text) OR (state <> 'DELETED'::text)))
);

CREATE TABLE public.outbox_messages (
    organization_id text NOT NULL,
    outbox_message_id bigint NOT NULL,
    kind text NOT NULL,
    resource_name text NOT NULL,
    recipient_email text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    attempt_time timestamp with time zone DEFAULT now() NOT NULL,
    deliver_time timestamp with time zone,
    claim text DEFAULT ''::text NOT NULL,
    CONSTRAINT outbox_messages_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT outbox_messages_kind_check CHECK ((kind = 'INVOICE_REQUEST'::text))
);

ALTER TABLE public.outbox_messages ALTER COLUMN outbox_message_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_messages_outbox_message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.price_versions (
    model_name text NOT NULL,
    version integer NOT NULL,
    effective_date date NOT NULL,
    prices jsonb NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT price_versions_version_check CHECK ((version > 0))
);

COMMENT ON COLUMN public.price_versions.prices IS 'Nano-credits per million tokens by category, long-context prices, fees per use, and multipliers of tier, speed and place.';

CREATE TABLE public.provider_credentials (
    provider_id text NOT NULL,
    sealed bytea NOT NULL,
    fingerprint text NOT NULL,
    set_by text NOT NULL,
    set_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE public.providers (
    provider_id text NOT NULL,
    definition jsonb NOT NULL,
    origin text DEFAULT 'FILE'::text NOT NULL,
    removed boolean DEFAULT false NOT NULL,
    CONSTRAINT providers_origin_check CHECK ((origin = ANY (ARRAY['FILE'::text, 'API'::text])))
);

CREATE TABLE public.refused_calls (
    organization_id text NOT NULL,
    minute timestamp with time zone NOT NULL,
    reason text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    member_id text NOT NULL,
    api_key_id text NOT NULL,
    group_path text[] NOT NULL,
    call_count bigint NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refused_calls_call_count_check CHECK ((call_count > 0)),
    CONSTRAINT refused_calls_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 64))),
    CONSTRAINT refused_calls_scope_kind_check CHECK ((scope_kind = ANY (ARRAY[''::text, 'api_key'::text, 'member'::text, 'group'::text, 'organization'::text])))
);

CREATE TABLE public.request_replays (
    user_id text NOT NULL,
    method text NOT NULL,
    request_id text NOT NULL,
    request_hash bytea NOT NULL,
    response bytea NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT request_replays_request_hash_check CHECK ((length(request_hash) = 32))
);

CREATE TABLE public.routed_calls (
    organization_id text NOT NULL,
    hold_id text NOT NULL,
    sequence bigint NOT NULL,
    virtual_model text NOT NULL,
    revision integer NOT NULL,
    arm text NOT NULL,
    reason text NOT NULL,
    is_simple boolean NOT NULL,
    use_case text NOT NULL,
    baseline_model text NOT NULL,
    baseline_price_version integer NOT NULL,
    chosen_model text NOT NULL,
    chosen_price_version integer NOT NULL,
    baseline_nano_credits bigint,
    chosen_nano_credits bigint,
    saved_nano_credits bigint GENERATED ALWAYS AS ((baseline_nano_credits - chosen_nano_credits)) STORED,
    place_time timestamp with time zone NOT NULL,
    session text,
    request_id text,
    virtual_model_id text DEFAULT ''::text NOT NULL,
    max_loss_basis_points integer DEFAULT 0 NOT NULL,
    turns integer,
    signals text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT routed_calls_arm_check CHECK ((arm = ANY (ARRAY['ROUTED'::text, 'HOLDOUT'::text, 'SHADOW'::text, 'BASELINE'::text, 'OVERRIDDEN'::text])))
);

CREATE TABLE public.routing_policies (
    organization_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    mode text,
    max_loss_basis_points integer,
    floors jsonb,
    allow_override boolean,
    max_price_model text,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    holdout_percent integer,
    degrade_at_percent integer,
    CONSTRAINT routing_policies_degrade_at_percent_check CHECK (((degrade_at_percent >= 1) AND (degrade_at_percent <= 99))),
    CONSTRAINT routing_policies_floors_check CHECK ((jsonb_typeof(floors) = 'object'::text)),
    CONSTRAINT routing_policies_holdout_percent_check CHECK (((holdout_percent >= 0) AND (holdout_percent <= 50))),
    CONSTRAINT routing_policies_max_loss_basis_points_check CHECK (((max_loss_basis_points >= 0) AND (max_loss_basis_points <= 10000))),
    CONSTRAINT routing_policies_mode_check CHECK ((mode = ANY (ARRAY['OFF'::text, 'SHADOW'::text, 'LIVE'::text]))),
    CONSTRAINT routing_policies_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'group'::text, 'api_key'::text])))
);

CREATE TABLE public.routing_returns (
    organization_id text NOT NULL,
    return_id text NOT NULL,
    virtual_model_id text NOT NULL,
    use_case text NOT NULL,
    measure text NOT NULL,
    routed_count bigint NOT NULL,
    routed_bad bigint NOT NULL,
    held_out_count bigint NOT NULL,
    held_out_bad bigint NOT NULL,
    loss_basis_points integer NOT NULL,
    low_basis_points integer NOT NULL,
    allowed_basis_points integer NOT NULL,
    return_time timestamp with time zone DEFAULT now() NOT NULL,
    lift_time timestamp with time zone,
    CONSTRAINT routing_returns_measure_check CHECK ((measure = ANY (ARRAY['rated_bad'::text, 'troubled'::text])))
);

CREATE TABLE public.schema_migrations (
    name text NOT NULL,
    digest text NOT NULL,
    apply_time timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.scim_group_members (
    organization_id text NOT NULL,
    group_id text NOT NULL,
    member_id text NOT NULL,
    sequence bigint NOT NULL
);

ALTER TABLE public.scim_group_members ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.scim_group_members_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.scim_groups (
    organization_id text NOT NULL,
    group_id text NOT NULL,
    external_id text,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT scim_groups_external_id_check CHECK (((length(external_id) >= 1) AND (length(external_id) <= 500)))
);

CREATE TABLE public.scim_users (
    organization_id text NOT NULL,
    member_id text NOT NULL,
    user_name text NOT NULL,
    external_id text,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_own_user boolean DEFAULT false NOT NULL,
    is_suspended boolean DEFAULT false NOT NULL,
    placed_group_id text,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    delete_time timestamp with time zone,
    CONSTRAINT scim_users_attributes_check CHECK ((jsonb_typeof(attributes) = 'object'::text)),
    CONSTRAINT scim_users_external_id_check CHECK (((length(external_id) >= 1) AND (length(external_id) <= 500))),
    CONSTRAINT scim_users_user_name_check CHECK (((length(user_name) >= 1) AND (length(user_name) <= 200)))
);

CREATE TABLE public.sign_in_links (
    organization_id text NOT NULL,
    sign_in_link_id text NOT NULL COLLATE pg_catalog."C",
    member_id text NOT NULL,
    secret_hash bytea NOT NULL,
    maker_user_id text NOT NULL,
    maker_member_id text,
    expire_time timestamp with time zone NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    use_time timestamp with time zone,
    revoke_time timestamp with time zone,
    access_token_id text,
    pepper text,
    CONSTRAINT sign_in_links_secret_hash_check CHECK ((length(secret_hash) = 32)),
    CONSTRAINT sign_in_links_sign_in_link_id_check CHECK ((sign_in_link_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text)),
    CONSTRAINT used_for_a_token CHECK (((use_time IS NULL) = (access_token_id IS NULL))),
    CONSTRAINT used_or_revoked CHECK (((use_time IS NULL) OR (revoke_time IS NULL)))
);

CREATE TABLE public.standing_positions (
    organization_id text NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    CONSTRAINT standing_positions_sequence_check CHECK ((sequence >= 0))
);

CREATE TABLE public.standings (
    organization_id text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    group_path text[] NOT NULL,
    is_removed boolean NOT NULL,
    cycle text NOT NULL,
    revision bigint NOT NULL,
    period_start bigint DEFAULT 0 NOT NULL,
    spent_nano_credits bigint DEFAULT 0 NOT NULL,
    call_count bigint DEFAULT 0 NOT NULL,
    last_use_time timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    CONSTRAINT standings_kind_check CHECK ((kind = ANY (ARRAY['member'::text, 'service_account'::text, 'api_key'::text])))
);

CREATE TABLE public.stored_objects (
    provider_id text NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    organization_id text NOT NULL,
    member_id text NOT NULL,
    response_id text,
    requested_model text,
    tokens bigint,
    is_registered boolean DEFAULT false NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    expire_time timestamp with time zone DEFAULT 'infinity'::timestamp with time zone NOT NULL,
    registered_for text GENERATED ALWAYS AS (
CASE
    WHEN is_registered THEN ((organization_id || ' '::text) || member_id)
    ELSE ''::text
END) STORED NOT NULL,
    api_key_id text,
    CONSTRAINT answers_name_a_member CHECK ((is_registered OR (member_id <> ''::text))),
    CONSTRAINT stored_objects_kind_check CHECK ((kind = ANY (ARRAY['response'::text, 'item'::text, 'conversation'::text, 'prompt'::text, 'container'::text, 'cached_content'::text, 'file'::text, 'audio'::text]))),
    CONSTRAINT stored_objects_object_id_check CHECK (((length(object_id) >= 1) AND (length(object_id) <= 256))),
    CONSTRAINT stored_objects_tokens_check CHECK ((tokens >= 0))
);

CREATE TABLE public.top_up_requests (
    organization_id text NOT NULL,
    top_up_request_id text NOT NULL COLLATE pg_catalog."C",
    user_id text NOT NULL,
    idempotency_key text NOT NULL,
    amount_nano_credits bigint NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'PENDING'::text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    decide_time timestamp with time zone,
    decider_user_id text,
    decision_reason text DEFAULT ''::text NOT NULL,
    CONSTRAINT decided CHECK ((((state = 'PENDING'::text) = (decide_time IS NULL)) AND ((state = 'PENDING'::text) = (decider_user_id IS NULL)))),
    CONSTRAINT top_up_requests_amount_nano_credits_check CHECK ((amount_nano_credits > 0)),
    CONSTRAINT top_up_requests_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'APPROVED'::text, 'REJECTED'::text]))),
    CONSTRAINT top_up_requests_top_up_request_id_check CHECK ((top_up_request_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'::text))
);

CREATE TABLE public.usage_anomalies (
    organization_id text NOT NULL,
    anomaly_id text NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    local_day date NOT NULL,
    granularity text NOT NULL,
    start_time timestamp with time zone NOT NULL,
    end_time timestamp with time zone NOT NULL,
    time_zone text NOT NULL,
    group_path text[] NOT NULL,
    member_id text NOT NULL,
    actual_nano_credits bigint NOT NULL,
    expected_nano_credits bigint NOT NULL,
    lowest_usual_nano_credits bigint NOT NULL,
    highest_usual_nano_credits bigint NOT NULL,
    volume_nano_credits bigint NOT NULL,
    size_nano_credits bigint NOT NULL,
    price_nano_credits bigint NOT NULL,
    parts jsonb NOT NULL,
    explained_by text,
    withdraw_time timestamp with time zone,
    ledger_sequence bigint NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT parts_add_up CHECK ((((volume_nano_credits + size_nano_credits) + price_nano_credits) = (actual_nano_credits - expected_nano_credits))),
    CONSTRAINT usage_anomalies_granularity_check CHECK ((granularity = ANY (ARRAY['DAY'::text, 'HOUR'::text]))),
    CONSTRAINT usage_anomalies_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['group'::text, 'member'::text, 'api_key'::text])))
);

CREATE TABLE public.usage_corrections (
    hold_id text NOT NULL,
    organization_id text NOT NULL,
    sequence bigint NOT NULL,
    outcome text NOT NULL,
    source text NOT NULL,
    detail text NOT NULL,
    answered_model text,
    provider_response_id text,
    service_tier text,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_5m_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    charge_nano_credits bigint NOT NULL,
    charge_lines jsonb NOT NULL,
    delta_nano_credits bigint NOT NULL,
    later_counters text[],
    http_status integer NOT NULL,
    response_flags text NOT NULL,
    duration_ms bigint,
    time_to_first_byte_ms bigint,
    request_id text NOT NULL,
    trace_id text,
    place_time timestamp with time zone NOT NULL,
    correct_time timestamp with time zone DEFAULT now() NOT NULL,
    input_audio_tokens bigint DEFAULT 0 NOT NULL,
    input_image_tokens bigint DEFAULT 0 NOT NULL,
    cache_read_audio_tokens bigint DEFAULT 0 NOT NULL,
    output_audio_tokens bigint DEFAULT 0 NOT NULL,
    output_image_tokens bigint DEFAULT 0 NOT NULL,
    uses jsonb DEFAULT '{}'::jsonb NOT NULL,
    speed text,
    place text,
    CONSTRAINT usage_corrections_cache_read_audio_tokens_check CHECK ((cache_read_audio_tokens >= 0)),
    CONSTRAINT usage_corrections_cache_read_tokens_check CHECK ((cache_read_tokens >= 0)),
    CONSTRAINT usage_corrections_cache_write_1h_tokens_check CHECK ((cache_write_1h_tokens >= 0)),
    CONSTRAINT usage_corrections_cache_write_5m_tokens_check CHECK ((cache_write_5m_tokens >= 0)),
    CONSTRAINT usage_corrections_charge_nano_credits_check CHECK ((charge_nano_credits >= 0)),
    CONSTRAINT usage_corrections_input_audio_tokens_check CHECK ((input_audio_tokens >= 0)),
    CONSTRAINT usage_corrections_input_image_tokens_check CHECK ((input_image_tokens >= 0)),
    CONSTRAINT usage_corrections_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT usage_corrections_outcome_check CHECK ((outcome = ANY (ARRAY['SETTLED'::text, 'VOIDED'::text]))),
    CONSTRAINT usage_corrections_output_audio_tokens_check CHECK ((output_audio_tokens >= 0)),
    CONSTRAINT usage_corrections_output_image_tokens_check CHECK ((output_image_tokens >= 0)),
    CONSTRAINT usage_corrections_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT usage_corrections_reasoning_tokens_check CHECK ((reasoning_tokens >= 0)),
    CONSTRAINT usage_corrections_source_check CHECK ((source = ANY (ARRAY['provider'::text, 'estimated'::text, 'none'::text]))),
    CONSTRAINT usage_corrections_uses_check CHECK ((jsonb_typeof(uses) = 'object'::text))
);

CREATE TABLE public.usage_days (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    day_start timestamp with time zone NOT NULL,
    model text NOT NULL,
    status text NOT NULL,
    group_path text[] NOT NULL,
    member_id text NOT NULL,
    call_count bigint NOT NULL,
    voided_call_count bigint NOT NULL,
    unconfirmed_call_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_5m_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    input_audio_tokens bigint NOT NULL,
    input_image_tokens bigint NOT NULL,
    cache_read_audio_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    output_audio_tokens bigint NOT NULL,
    output_image_tokens bigint NOT NULL,
    charge_nano_credits bigint NOT NULL,
    baseline_nano_credits bigint NOT NULL,
    correction_count bigint NOT NULL,
    correction_nano_credits bigint NOT NULL,
    duration_00 bigint,
    duration_01 bigint,
    duration_02 bigint,
    duration_03 bigint,
    duration_04 bigint,
    duration_05 bigint,
    duration_06 bigint,
    duration_07 bigint,
    duration_08 bigint,
    duration_09 bigint,
    duration_10 bigint,
    duration_11 bigint,
    duration_12 bigint,
    duration_13 bigint,
    duration_14 bigint,
    duration_15 bigint,
    first_byte_00 bigint,
    first_byte_01 bigint,
    first_byte_02 bigint,
    first_byte_03 bigint,
    first_byte_04 bigint,
    first_byte_05 bigint,
    first_byte_06 bigint,
    first_byte_07 bigint,
    first_byte_08 bigint,
    first_byte_09 bigint,
    first_byte_10 bigint,
    first_byte_11 bigint,
    first_byte_12 bigint,
    first_byte_13 bigint,
    first_byte_14 bigint,
    first_byte_15 bigint,
    CONSTRAINT usage_days_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'group'::text, 'leaf'::text, 'member'::text, 'api_key'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_insert_scale_factor='0.005', autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.usage_discrepancies (
    discrepancy_id bigint NOT NULL,
    hold_id text NOT NULL,
    organization_id text NOT NULL,
    detail text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.usage_discrepancies ALTER COLUMN discrepancy_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.usage_discrepancies_discrepancy_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.usage_export_parts (
    organization_id text NOT NULL,
    export_id text NOT NULL,
    part_number integer NOT NULL,
    content bytea NOT NULL
);
ALTER TABLE ONLY public.usage_export_parts ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE public.usage_exports (
    organization_id text NOT NULL,
    export_id text NOT NULL,
    requester text NOT NULL,
    member_id text NOT NULL,
    role text NOT NULL,
    group_path text[] NOT NULL,
    request bytea NOT NULL,
    state text DEFAULT 'QUEUED'::text NOT NULL,
    progress_percent integer DEFAULT 0 NOT NULL,
    row_count bigint DEFAULT 0 NOT NULL,
    size_bytes bigint DEFAULT 0 NOT NULL,
    part_count integer DEFAULT 0 NOT NULL,
    last_sequence bigint DEFAULT 0 NOT NULL,
    ledger_position bigint,
    complete boolean DEFAULT false NOT NULL,
    sha256 text DEFAULT ''::text NOT NULL,
    error_reason text DEFAULT ''::text NOT NULL,
    error_message text DEFAULT ''::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    claim text DEFAULT ''::text NOT NULL,
    lease_end_time timestamp with time zone,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    start_time timestamp with time zone,
    end_time timestamp with time zone,
    expire_time timestamp with time zone NOT NULL,
    share_hash bytea,
    share_expire_time timestamp with time zone,
    schedule_id text DEFAULT ''::text NOT NULL,
    life_h integer DEFAULT 24 NOT NULL,
    CONSTRAINT usage_exports_progress_percent_check CHECK (((progress_percent >= 0) AND (progress_percent <= 100))),
    CONSTRAINT usage_exports_state_check CHECK ((state = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text, 'SUCCEEDED'::text, 'FAILED'::text, 'CANCELED'::text])))
);

CREATE TABLE public.usage_records (
    hold_id text NOT NULL,
    organization_id text NOT NULL,
    sequence bigint NOT NULL,
    outcome text NOT NULL,
    source text NOT NULL,
    detail text NOT NULL,
    group_path text[] NOT NULL,
    member_id text NOT NULL,
    api_key_id text NOT NULL,
    endpoint text NOT NULL,
    streamed boolean NOT NULL,
    requested_model text NOT NULL,
    answered_model text,
    provider_id text NOT NULL,
    provider_response_id text,
    service_tier text,
    price_version integer NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_5m_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    hold_nano_credits bigint NOT NULL,
    charge_nano_credits bigint NOT NULL,
    charge_lines jsonb NOT NULL,
    counters text[] NOT NULL,
    later_counters text[],
    throttles text[],
    http_status integer NOT NULL,
    response_flags text NOT NULL,
    duration_ms bigint,
    time_to_first_byte_ms bigint,
    request_id text NOT NULL,
    trace_id text,
    place_time timestamp with time zone NOT NULL,
    settle_time timestamp with time zone DEFAULT now() NOT NULL,
    input_audio_tokens bigint DEFAULT 0 NOT NULL,
    input_image_tokens bigint DEFAULT 0 NOT NULL,
    cache_read_audio_tokens bigint DEFAULT 0 NOT NULL,
    output_audio_tokens bigint DEFAULT 0 NOT NULL,
    output_image_tokens bigint DEFAULT 0 NOT NULL,
    uses jsonb DEFAULT '{}'::jsonb NOT NULL,
    speed text,
    place text,
    tags jsonb,
    deployment text,
    failed_attempts text[],
    own_key boolean,
    CONSTRAINT usage_records_cache_read_audio_tokens_check CHECK ((cache_read_audio_tokens >= 0)),
    CONSTRAINT usage_records_cache_read_tokens_check CHECK ((cache_read_tokens >= 0)),
    CONSTRAINT usage_records_cache_write_1h_tokens_check CHECK ((cache_write_1h_tokens >= 0)),
    CONSTRAINT usage_records_cache_write_5m_tokens_check CHECK ((cache_write_5m_tokens >= 0)),
    CONSTRAINT usage_records_charge_nano_credits_check CHECK ((charge_nano_credits >= 0)),
    CONSTRAINT usage_records_hold_nano_credits_check CHECK ((hold_nano_credits >= 0)),
    CONSTRAINT usage_records_input_audio_tokens_check CHECK ((input_audio_tokens >= 0)),
    CONSTRAINT usage_records_input_image_tokens_check CHECK ((input_image_tokens >= 0)),
    CONSTRAINT usage_records_input_tokens_check CHECK ((input_tokens >= 0)),
    CONSTRAINT usage_records_outcome_check CHECK ((outcome = ANY (ARRAY['SETTLED'::text, 'VOIDED'::text, 'EXPIRED'::text]))),
    CONSTRAINT usage_records_output_audio_tokens_check CHECK ((output_audio_tokens >= 0)),
    CONSTRAINT usage_records_output_image_tokens_check CHECK ((output_image_tokens >= 0)),
    CONSTRAINT usage_records_output_tokens_check CHECK ((output_tokens >= 0)),
    CONSTRAINT usage_records_reasoning_tokens_check CHECK ((reasoning_tokens >= 0)),
    CONSTRAINT usage_records_source_check CHECK ((source = ANY (ARRAY['provider'::text, 'estimated'::text, 'none'::text]))),
    CONSTRAINT usage_records_tags_check CHECK ((jsonb_typeof(tags) = 'object'::text)),
    CONSTRAINT usage_records_uses_check CHECK ((jsonb_typeof(uses) = 'object'::text))
);

COMMENT ON COLUMN public.usage_records.charge_lines IS '[[category, count, price, amount], ...]. Tokens are priced per million, uses (fee:<name>) each. The sum of the amounts is the charge.';

COMMENT ON COLUMN public.usage_records.tags IS '{name: value}, at most five; NULL without any.';

COMMENT ON COLUMN public.usage_records.deployment IS 'The provider and its name of the model, of a model with several deployments.';

COMMENT ON COLUMN public.usage_records.failed_attempts IS 'The deployments that were tried before, each with a status or what happened: azure-eu/gpt-4o=429.';

COMMENT ON COLUMN public.usage_records.own_key IS 'Whether the call carried the organization''s own key at the provider.';

CREATE VIEW public.usage_facts WITH (security_invoker='true') AS
 SELECT u.organization_id,
    u.sequence,
    1 AS weight,
    u.place_time,
    u.group_path,
    u.member_id,
    u.api_key_id,
    u.requested_model AS model,
    u.provider_id,
    u.endpoint,
    u.outcome AS status,
    u.input_tokens,
    u.cache_read_tokens,
    u.cache_write_5m_tokens,
    u.cache_write_1h_tokens,
    u.input_audio_tokens,
    u.input_image_tokens,
    u.cache_read_audio_tokens,
    u.output_tokens,
    u.reasoning_tokens,
    u.output_audio_tokens,
    u.output_image_tokens,
    u.charge_nano_credits,
    u.charge_nano_credits AS baseline_nano_credits,
    0 AS correction_count,
    (0)::bigint AS correction_nano_credits,
    u.duration_ms,
    u.time_to_first_byte_ms,
    u.tags
   FROM public.usage_records u
UNION ALL
 SELECT c.organization_id,
    c.sequence,
    '-1'::integer AS weight,
    u.place_time,
    u.group_path,
    u.member_id,
    u.api_key_id,
    u.requested_model AS model,
    u.provider_id,
    u.endpoint,
    u.outcome AS status,
    (- u.input_tokens) AS input_tokens,
    (- u.cache_read_tokens) AS cache_read_tokens,
    (- u.cache_write_5m_tokens) AS cache_write_5m_tokens,
    (- u.cache_write_1h_tokens) AS cache_write_1h_tokens,
    (- u.input_audio_tokens) AS input_audio_tokens,
    (- u.input_image_tokens) AS input_image_tokens,
    (- u.cache_read_audio_tokens) AS cache_read_audio_tokens,
    (- u.output_tokens) AS output_tokens,
    (- u.reasoning_tokens) AS reasoning_tokens,
    (- u.output_audio_tokens) AS output_audio_tokens,
    (- u.output_image_tokens) AS output_image_tokens,
    (- u.charge_nano_credits) AS charge_nano_credits,
    (- u.charge_nano_credits) AS baseline_nano_credits,
    0 AS correction_count,
    0 AS correction_nano_credits,
    u.duration_ms,
    u.time_to_first_byte_ms,
    u.tags
   FROM (public.usage_corrections c
     JOIN public.usage_records u ON ((u.hold_id = c.hold_id)))
UNION ALL
 SELECT c.organization_id,
    c.sequence,
    1 AS weight,
    u.place_time,
    u.group_path,
    u.member_id,
    u.api_key_id,
    u.requested_model AS model,
    u.provider_id,
    u.endpoint,
    c.outcome AS status,
    c.input_tokens,
    c.cache_read_tokens,
    c.cache_write_5m_tokens,
    c.cache_write_1h_tokens,
    c.input_audio_tokens,
    c.input_image_tokens,
    c.cache_read_audio_tokens,
    c.output_tokens,
    c.reasoning_tokens,
    c.output_audio_tokens,
    c.output_image_tokens,
    c.charge_nano_credits,
    c.charge_nano_credits AS baseline_nano_credits,
    1 AS correction_count,
    c.delta_nano_credits AS correction_nano_credits,
    c.duration_ms,
    c.time_to_first_byte_ms,
    u.tags
   FROM (public.usage_corrections c
     JOIN public.usage_records u ON ((u.hold_id = c.hold_id)));

CREATE TABLE public.usage_findings (
    hold_id text NOT NULL,
    organization_id text NOT NULL,
    group_path text[] NOT NULL,
    member_id text NOT NULL,
    api_key_id text NOT NULL,
    provider_id text NOT NULL,
    requested_model text NOT NULL,
    answered_model text,
    kinds text[] NOT NULL,
    reason text NOT NULL,
    report text NOT NULL,
    source text NOT NULL,
    charge_nano_credits bigint NOT NULL,
    place_time timestamp with time zone NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT usage_findings_charge_nano_credits_check CHECK ((charge_nano_credits >= 0)),
    CONSTRAINT usage_findings_kinds_check CHECK (((cardinality(kinds) >= 1) AND (cardinality(kinds) <= 16))),
    CONSTRAINT usage_findings_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000))),
    CONSTRAINT usage_findings_report_check CHECK ((length(report) <= 16384)),
    CONSTRAINT usage_findings_source_check CHECK ((source = ANY (ARRAY['provider'::text, 'estimated'::text])))
);

CREATE TABLE public.usage_hours (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    hour_start timestamp with time zone NOT NULL,
    group_path text[] NOT NULL,
    member_id text NOT NULL,
    api_key_id text NOT NULL,
    model text NOT NULL,
    provider_id text NOT NULL,
    endpoint text NOT NULL,
    status text NOT NULL,
    call_count bigint NOT NULL,
    voided_call_count bigint NOT NULL,
    unconfirmed_call_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_5m_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    input_audio_tokens bigint NOT NULL,
    input_image_tokens bigint NOT NULL,
    cache_read_audio_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    output_audio_tokens bigint NOT NULL,
    output_image_tokens bigint NOT NULL,
    charge_nano_credits bigint NOT NULL,
    baseline_nano_credits bigint NOT NULL,
    correction_count bigint NOT NULL,
    correction_nano_credits bigint NOT NULL,
    duration_00 bigint,
    duration_01 bigint,
    duration_02 bigint,
    duration_03 bigint,
    duration_04 bigint,
    duration_05 bigint,
    duration_06 bigint,
    duration_07 bigint,
    duration_08 bigint,
    duration_09 bigint,
    duration_10 bigint,
    duration_11 bigint,
    duration_12 bigint,
    duration_13 bigint,
    duration_14 bigint,
    duration_15 bigint,
    first_byte_00 bigint,
    first_byte_01 bigint,
    first_byte_02 bigint,
    first_byte_03 bigint,
    first_byte_04 bigint,
    first_byte_05 bigint,
    first_byte_06 bigint,
    first_byte_07 bigint,
    first_byte_08 bigint,
    first_byte_09 bigint,
    first_byte_10 bigint,
    first_byte_11 bigint,
    first_byte_12 bigint,
    first_byte_13 bigint,
    first_byte_14 bigint,
    first_byte_15 bigint
)
PARTITION BY RANGE (hour_start);

CREATE TABLE public.usage_member_numbers (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    member_id text NOT NULL,
    number integer NOT NULL,
    CONSTRAINT usage_member_numbers_number_check CHECK ((number > 0))
);

CREATE TABLE public.usage_member_sets (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    day_start timestamp with time zone NOT NULL,
    model text NOT NULL,
    members bit varying NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.usage_months (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    scope_kind text NOT NULL,
    scope_id text NOT NULL,
    month_start timestamp with time zone NOT NULL,
    member_id text NOT NULL,
    call_count bigint NOT NULL,
    voided_call_count bigint NOT NULL,
    unconfirmed_call_count bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cache_read_tokens bigint NOT NULL,
    cache_write_5m_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    input_audio_tokens bigint NOT NULL,
    input_image_tokens bigint NOT NULL,
    cache_read_audio_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    output_audio_tokens bigint NOT NULL,
    output_image_tokens bigint NOT NULL,
    charge_nano_credits bigint NOT NULL,
    baseline_nano_credits bigint NOT NULL,
    correction_count bigint NOT NULL,
    correction_nano_credits bigint NOT NULL,
    CONSTRAINT usage_months_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['organization'::text, 'group'::text, 'api_key'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_insert_scale_factor='0.005', autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.usage_names (
    organization_id text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    display_name text NOT NULL,
    group_path text[] NOT NULL,
    is_deleted boolean NOT NULL,
    CONSTRAINT usage_names_kind_check CHECK ((kind = ANY (ARRAY['group'::text, 'member'::text, 'api_key'::text])))
);

CREATE TABLE public.usage_quarantine (
    hold_id text NOT NULL,
    organization_id text NOT NULL,
    reason text NOT NULL,
    report text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT usage_quarantine_reason_check CHECK ((reason = ANY (ARRAY['invalid_usage'::text, 'implausible_usage'::text]))),
    CONSTRAINT usage_quarantine_report_check CHECK ((length(report) <= 65536))
);

CREATE TABLE public.usage_rollups (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    time_zone text NOT NULL,
    state text NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    days_until timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    hours_from timestamp with time zone DEFAULT '2000-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    CONSTRAINT usage_rollups_generation_check CHECK ((generation > 0)),
    CONSTRAINT usage_rollups_sequence_check CHECK ((sequence >= 0)),
    CONSTRAINT usage_rollups_state_check CHECK ((state = ANY (ARRAY['BUILDING'::text, 'CURRENT'::text, 'RETIRED'::text])))
);

CREATE TABLE public.usage_running_totals (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    scope_kind text NOT NULL,
    month_start timestamp with time zone NOT NULL,
    scope_id text NOT NULL,
    group_path text[] NOT NULL,
    member_id text NOT NULL,
    call_count_01 bigint,
    voided_call_count_01 bigint,
    tokens_01 bigint,
    charge_nano_credits_01 bigint,
    call_count_02 bigint,
    voided_call_count_02 bigint,
    tokens_02 bigint,
    charge_nano_credits_02 bigint,
    call_count_03 bigint,
    voided_call_count_03 bigint,
    tokens_03 bigint,
    charge_nano_credits_03 bigint,
    call_count_04 bigint,
    voided_call_count_04 bigint,
    tokens_04 bigint,
    charge_nano_credits_04 bigint,
    call_count_05 bigint,
    voided_call_count_05 bigint,
    tokens_05 bigint,
    charge_nano_credits_05 bigint,
    call_count_06 bigint,
    voided_call_count_06 bigint,
    tokens_06 bigint,
    charge_nano_credits_06 bigint,
    call_count_07 bigint,
    voided_call_count_07 bigint,
    tokens_07 bigint,
    charge_nano_credits_07 bigint,
    call_count_08 bigint,
    voided_call_count_08 bigint,
    tokens_08 bigint,
    charge_nano_credits_08 bigint,
    call_count_09 bigint,
    voided_call_count_09 bigint,
    tokens_09 bigint,
    charge_nano_credits_09 bigint,
    call_count_10 bigint,
    voided_call_count_10 bigint,
    tokens_10 bigint,
    charge_nano_credits_10 bigint,
    call_count_11 bigint,
    voided_call_count_11 bigint,
    tokens_11 bigint,
    charge_nano_credits_11 bigint,
    call_count_12 bigint,
    voided_call_count_12 bigint,
    tokens_12 bigint,
    charge_nano_credits_12 bigint,
    call_count_13 bigint,
    voided_call_count_13 bigint,
    tokens_13 bigint,
    charge_nano_credits_13 bigint,
    call_count_14 bigint,
    voided_call_count_14 bigint,
    tokens_14 bigint,
    charge_nano_credits_14 bigint,
    call_count_15 bigint,
    voided_call_count_15 bigint,
    tokens_15 bigint,
    charge_nano_credits_15 bigint,
    call_count_16 bigint,
    voided_call_count_16 bigint,
    tokens_16 bigint,
    charge_nano_credits_16 bigint,
    call_count_17 bigint,
    voided_call_count_17 bigint,
    tokens_17 bigint,
    charge_nano_credits_17 bigint,
    call_count_18 bigint,
    voided_call_count_18 bigint,
    tokens_18 bigint,
    charge_nano_credits_18 bigint,
    call_count_19 bigint,
    voided_call_count_19 bigint,
    tokens_19 bigint,
    charge_nano_credits_19 bigint,
    call_count_20 bigint,
    voided_call_count_20 bigint,
    tokens_20 bigint,
    charge_nano_credits_20 bigint,
    call_count_21 bigint,
    voided_call_count_21 bigint,
    tokens_21 bigint,
    charge_nano_credits_21 bigint,
    call_count_22 bigint,
    voided_call_count_22 bigint,
    tokens_22 bigint,
    charge_nano_credits_22 bigint,
    call_count_23 bigint,
    voided_call_count_23 bigint,
    tokens_23 bigint,
    charge_nano_credits_23 bigint,
    call_count_24 bigint,
    voided_call_count_24 bigint,
    tokens_24 bigint,
    charge_nano_credits_24 bigint,
    call_count_25 bigint,
    voided_call_count_25 bigint,
    tokens_25 bigint,
    charge_nano_credits_25 bigint,
    call_count_26 bigint,
    voided_call_count_26 bigint,
    tokens_26 bigint,
    charge_nano_credits_26 bigint,
    call_count_27 bigint,
    voided_call_count_27 bigint,
    tokens_27 bigint,
    charge_nano_credits_27 bigint,
    call_count_28 bigint,
    voided_call_count_28 bigint,
    tokens_28 bigint,
    charge_nano_credits_28 bigint,
    call_count_29 bigint,
    voided_call_count_29 bigint,
    tokens_29 bigint,
    charge_nano_credits_29 bigint,
    call_count_30 bigint,
    voided_call_count_30 bigint,
    tokens_30 bigint,
    charge_nano_credits_30 bigint,
    call_count_31 bigint,
    voided_call_count_31 bigint,
    tokens_31 bigint,
    charge_nano_credits_31 bigint,
    CONSTRAINT usage_running_totals_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['member'::text, 'api_key'::text])))
)
WITH (fillfactor='45');

CREATE TABLE public.usage_tag_days (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    day_start timestamp with time zone NOT NULL
);

CREATE TABLE public.usage_tagged_hours (
    organization_id text CONSTRAINT usage_hours_organization_id_not_null NOT NULL,
    generation integer CONSTRAINT usage_hours_generation_not_null NOT NULL,
    hour_start timestamp with time zone CONSTRAINT usage_hours_hour_start_not_null NOT NULL,
    group_path text[] CONSTRAINT usage_hours_group_path_not_null NOT NULL,
    member_id text CONSTRAINT usage_hours_member_id_not_null NOT NULL,
    api_key_id text CONSTRAINT usage_hours_api_key_id_not_null NOT NULL,
    model text CONSTRAINT usage_hours_model_not_null NOT NULL,
    provider_id text CONSTRAINT usage_hours_provider_id_not_null NOT NULL,
    endpoint text CONSTRAINT usage_hours_endpoint_not_null NOT NULL,
    status text CONSTRAINT usage_hours_status_not_null NOT NULL,
    call_count bigint CONSTRAINT usage_hours_call_count_not_null NOT NULL,
    voided_call_count bigint CONSTRAINT usage_hours_voided_call_count_not_null NOT NULL,
    unconfirmed_call_count bigint CONSTRAINT usage_hours_unconfirmed_call_count_not_null NOT NULL,
    input_tokens bigint CONSTRAINT usage_hours_input_tokens_not_null NOT NULL,
    cache_read_tokens bigint CONSTRAINT usage_hours_cache_read_tokens_not_null NOT NULL,
    cache_write_5m_tokens bigint CONSTRAINT usage_hours_cache_write_5m_tokens_not_null NOT NULL,
    cache_write_1h_tokens bigint CONSTRAINT usage_hours_cache_write_1h_tokens_not_null NOT NULL,
    input_audio_tokens bigint CONSTRAINT usage_hours_input_audio_tokens_not_null NOT NULL,
    input_image_tokens bigint CONSTRAINT usage_hours_input_image_tokens_not_null NOT NULL,
    cache_read_audio_tokens bigint CONSTRAINT usage_hours_cache_read_audio_tokens_not_null NOT NULL,
    output_tokens bigint CONSTRAINT usage_hours_output_tokens_not_null NOT NULL,
    reasoning_tokens bigint CONSTRAINT usage_hours_reasoning_tokens_not_null NOT NULL,
    output_audio_tokens bigint CONSTRAINT usage_hours_output_audio_tokens_not_null NOT NULL,
    output_image_tokens bigint CONSTRAINT usage_hours_output_image_tokens_not_null NOT NULL,
    charge_nano_credits bigint CONSTRAINT usage_hours_charge_nano_credits_not_null NOT NULL,
    baseline_nano_credits bigint CONSTRAINT usage_hours_baseline_nano_credits_not_null NOT NULL,
    correction_count bigint CONSTRAINT usage_hours_correction_count_not_null NOT NULL,
    correction_nano_credits bigint CONSTRAINT usage_hours_correction_nano_credits_not_null NOT NULL,
    duration_00 bigint,
    duration_01 bigint,
    duration_02 bigint,
    duration_03 bigint,
    duration_04 bigint,
    duration_05 bigint,
    duration_06 bigint,
    duration_07 bigint,
    duration_08 bigint,
    duration_09 bigint,
    duration_10 bigint,
    duration_11 bigint,
    duration_12 bigint,
    duration_13 bigint,
    duration_14 bigint,
    duration_15 bigint,
    first_byte_00 bigint,
    first_byte_01 bigint,
    first_byte_02 bigint,
    first_byte_03 bigint,
    first_byte_04 bigint,
    first_byte_05 bigint,
    first_byte_06 bigint,
    first_byte_07 bigint,
    first_byte_08 bigint,
    first_byte_09 bigint,
    first_byte_10 bigint,
    first_byte_11 bigint,
    first_byte_12 bigint,
    first_byte_13 bigint,
    first_byte_14 bigint,
    first_byte_15 bigint,
    tags jsonb NOT NULL
)
PARTITION BY RANGE (hour_start);

CREATE TABLE public.usage_year_totals (
    organization_id text NOT NULL,
    generation integer NOT NULL,
    scope_kind text NOT NULL,
    year integer NOT NULL,
    scope_id text NOT NULL,
    group_path text[] NOT NULL,
    member_id text NOT NULL,
    call_count_01 bigint,
    voided_call_count_01 bigint,
    tokens_01 bigint,
    charge_nano_credits_01 bigint,
    call_count_02 bigint,
    voided_call_count_02 bigint,
    tokens_02 bigint,
    charge_nano_credits_02 bigint,
    call_count_03 bigint,
    voided_call_count_03 bigint,
    tokens_03 bigint,
    charge_nano_credits_03 bigint,
    call_count_04 bigint,
    voided_call_count_04 bigint,
    tokens_04 bigint,
    charge_nano_credits_04 bigint,
    call_count_05 bigint,
    voided_call_count_05 bigint,
    tokens_05 bigint,
    charge_nano_credits_05 bigint,
    call_count_06 bigint,
    voided_call_count_06 bigint,
    tokens_06 bigint,
    charge_nano_credits_06 bigint,
    call_count_07 bigint,
    voided_call_count_07 bigint,
    tokens_07 bigint,
    charge_nano_credits_07 bigint,
    call_count_08 bigint,
    voided_call_count_08 bigint,
    tokens_08 bigint,
    charge_nano_credits_08 bigint,
    call_count_09 bigint,
    voided_call_count_09 bigint,
    tokens_09 bigint,
    charge_nano_credits_09 bigint,
    call_count_10 bigint,
    voided_call_count_10 bigint,
    tokens_10 bigint,
    charge_nano_credits_10 bigint,
    call_count_11 bigint,
    voided_call_count_11 bigint,
    tokens_11 bigint,
    charge_nano_credits_11 bigint,
    call_count_12 bigint,
    voided_call_count_12 bigint,
    tokens_12 bigint,
    charge_nano_credits_12 bigint,
    CONSTRAINT usage_year_totals_scope_kind_check CHECK ((scope_kind = ANY (ARRAY['member'::text, 'api_key'::text])))
)
WITH (fillfactor='45');

CREATE TABLE public.user_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id text NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    email text,
    display_name text,
    only_organization_id text,
    CONSTRAINT user_identities_email_check CHECK ((email = lower(email))),
    CONSTRAINT user_identities_issuer_check CHECK (((length(issuer) >= 1) AND (length(issuer) <= 500))),
    CONSTRAINT user_identities_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 255)))
);

CREATE TABLE public.users (
    user_id text NOT NULL,
    email text,
    display_name text NOT NULL,
    personal_organization_id text,
    current_organization_id text,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_email_check CHECK (((email = lower(email)) AND (POSITION(('@'::text) IN (email)) > 1)))
);

CREATE TABLE public.virtual_models (
    organization_id text NOT NULL,
    virtual_model_id text NOT NULL,
    model_name text NOT NULL,
    owner_kind text NOT NULL,
    owner_id text NOT NULL,
    candidates text[] NOT NULL,
    baseline_model text NOT NULL,
    state text DEFAULT 'ENABLED'::text NOT NULL,
    losses jsonb DEFAULT '[]'::jsonb NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    create_time timestamp with time zone DEFAULT now() NOT NULL,
    update_time timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT virtual_models_candidates_check CHECK (((cardinality(candidates) >= 1) AND (cardinality(candidates) <= 8))),
    CONSTRAINT virtual_models_check CHECK ((baseline_model = ANY (candidates))),
    CONSTRAINT virtual_models_losses_check CHECK (((jsonb_typeof(losses) = 'array'::text) AND (jsonb_array_length(losses) <= 64))),
    CONSTRAINT virtual_models_owner_kind_check CHECK ((owner_kind = ANY (ARRAY['organization'::text, 'group'::text]))),
    CONSTRAINT virtual_models_state_check CHECK ((state = ANY (ARRAY['ENABLED'::text, 'DISABLED'::text])))
);

ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_pkey PRIMARY KEY (access_token_id);

ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.account_refusals
    ADD CONSTRAINT account_refusals_pkey PRIMARY KEY (organization_id, provider_id);

ALTER TABLE ONLY public.alert_events
    ADD CONSTRAINT alert_events_once UNIQUE (organization_id, rule_id, scope_kind, scope_id, occasion, threshold, epoch);

ALTER TABLE ONLY public.alert_events
    ADD CONSTRAINT alert_events_pkey PRIMARY KEY (organization_id, event_id);

ALTER TABLE ONLY public.alert_lags
    ADD CONSTRAINT alert_lags_pkey PRIMARY KEY (organization_id, source);

ALTER TABLE ONLY public.alert_positions
    ADD CONSTRAINT alert_positions_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.alert_states
    ADD CONSTRAINT alert_states_pkey PRIMARY KEY (organization_id, occasion, rule_id, threshold);

ALTER TABLE ONLY public.analysis_settings
    ADD CONSTRAINT analysis_settings_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.anomaly_positions
    ADD CONSTRAINT anomaly_positions_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.anomaly_scopes
    ADD CONSTRAINT anomaly_scopes_pkey PRIMARY KEY (organization_id, scope_kind, scope_id);

ALTER TABLE ONLY public.anomaly_verdicts
    ADD CONSTRAINT anomaly_verdicts_pkey PRIMARY KEY (organization_id, anomaly_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (organization_id, api_key_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_previous_secret_hash_key UNIQUE (previous_secret_hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (organization_id, sequence);

ALTER TABLE ONLY public.budget_carries
    ADD CONSTRAINT budget_carries_pkey PRIMARY KEY (organization_id, counter);

ALTER TABLE ONLY public.budget_events
    ADD CONSTRAINT budget_events_pkey PRIMARY KEY (organization_id, counter);

ALTER TABLE ONLY public.call_ratings
    ADD CONSTRAINT call_ratings_pkey PRIMARY KEY (organization_id, request_id, member_id);

ALTER TABLE ONLY public.catalog_virtual_models
    ADD CONSTRAINT catalog_virtual_models_pkey PRIMARY KEY (model_name);

ALTER TABLE ONLY public.claim_mappings
    ADD CONSTRAINT claim_mappings_pkey PRIMARY KEY (organization_id, claim_mapping_id);

ALTER TABLE ONLY public.claim_memberships
    ADD CONSTRAINT claim_memberships_pkey PRIMARY KEY (organization_id, member_id);

ALTER TABLE ONLY public.configuration_answers
    ADD CONSTRAINT configuration_answers_pkey PRIMARY KEY (teller);

ALTER TABLE ONLY public.configuration_versions
    ADD CONSTRAINT configuration_versions_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (organization_id, credential_id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_previous_secret_hash_key UNIQUE (previous_secret_hash);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY public.credit_grants
    ADD CONSTRAINT credit_grants_pkey PRIMARY KEY (organization_id, credit_grant_id);

ALTER TABLE ONLY public.credit_lines
    ADD CONSTRAINT credit_lines_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_pkey PRIMARY KEY (organization_id, delivery_id, attempt_number);

ALTER TABLE ONLY public.deployment_settings
    ADD CONSTRAINT deployment_settings_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.export_schedules
    ADD CONSTRAINT export_schedules_pkey PRIMARY KEY (organization_id, schedule_id);

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (organization_id, group_id);

ALTER TABLE ONLY public.guardrail_defaults
    ADD CONSTRAINT guardrail_defaults_pkey PRIMARY KEY (organization_id, scope_kind, scope_id);

ALTER TABLE ONLY public.guardrails
    ADD CONSTRAINT guardrails_pkey PRIMARY KEY (organization_id, scope_kind, scope_id);

ALTER TABLE ONLY public.held_alerts
    ADD CONSTRAINT held_alerts_pkey PRIMARY KEY (organization_id, channel_id, event_id);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.identity_revisions
    ADD CONSTRAINT identity_revisions_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.inbox_entries
    ADD CONSTRAINT inbox_entries_pkey PRIMARY KEY (organization_id, member_id, event_id);

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_pkey PRIMARY KEY (organization_id, invite_id);

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.invoice_requests
    ADD CONSTRAINT invoice_requests_pkey PRIMARY KEY (organization_id, invoice_request_id);

ALTER TABLE ONLY public.journal_offsets
    ADD CONSTRAINT journal_offsets_pkey PRIMARY KEY (journal);

ALTER TABLE ONLY public.key_counts
    ADD CONSTRAINT key_counts_pkey PRIMARY KEY (organization_id, kind, id);

ALTER TABLE ONLY public.ledger_accounts
    ADD CONSTRAINT ledger_accounts_pkey PRIMARY KEY (organization_id, account);

ALTER TABLE ONLY public.ledger_heads
    ADD CONSTRAINT ledger_heads_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.ledger_transfers
    ADD CONSTRAINT ledger_transfers_organization_id_idempotency_key_key UNIQUE (organization_id, idempotency_key);

ALTER TABLE ONLY public.ledger_transfers
    ADD CONSTRAINT ledger_transfers_pkey PRIMARY KEY (organization_id, sequence);

ALTER TABLE ONLY public.listener_limits
    ADD CONSTRAINT listener_limits_pkey PRIMARY KEY (is_set);

ALTER TABLE ONLY public.mail_preferences
    ADD CONSTRAINT mail_preferences_pkey PRIMARY KEY (organization_id, member_id);

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_organization_id_user_id_key UNIQUE (organization_id, user_id);

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_pkey PRIMARY KEY (organization_id, member_id);

ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (model_name);

ALTER TABLE ONLY public.notification_channels
    ADD CONSTRAINT notification_channels_pkey PRIMARY KEY (organization_id, channel_id);

ALTER TABLE ONLY public.notification_deliveries
    ADD CONSTRAINT notification_deliveries_pkey PRIMARY KEY (organization_id, delivery_id);

ALTER TABLE ONLY public.notification_rules
    ADD CONSTRAINT notification_rules_pkey PRIMARY KEY (organization_id, rule_id);

ALTER TABLE ONLY public.claim_mappings
    ADD CONSTRAINT one_role_for_each_value UNIQUE (organization_id, issuer, claim, value);

ALTER TABLE ONLY public.open_incidents
    ADD CONSTRAINT open_incidents_pkey PRIMARY KEY (organization_id, rule_id, occasion, scope_kind, scope_id, channel_id);

ALTER TABLE ONLY public.operator_audit_log
    ADD CONSTRAINT operator_audit_log_pkey PRIMARY KEY (sequence);

ALTER TABLE ONLY public.organization_provider_credentials
    ADD CONSTRAINT organization_provider_credentials_pkey PRIMARY KEY (organization_id, provider_id, credential_id);

ALTER TABLE ONLY public.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.outbox_messages
    ADD CONSTRAINT outbox_messages_organization_id_kind_resource_name_key UNIQUE (organization_id, kind, resource_name);

ALTER TABLE ONLY public.outbox_messages
    ADD CONSTRAINT outbox_messages_pkey PRIMARY KEY (organization_id, outbox_message_id);

ALTER TABLE ONLY public.price_versions
    ADD CONSTRAINT price_versions_pkey PRIMARY KEY (model_name, version);

ALTER TABLE ONLY public.provider_credentials
    ADD CONSTRAINT provider_credentials_pkey PRIMARY KEY (provider_id);

ALTER TABLE ONLY public.providers
    ADD CONSTRAINT providers_pkey PRIMARY KEY (provider_id);

ALTER TABLE ONLY public.refused_calls
    ADD CONSTRAINT refused_calls_pkey PRIMARY KEY (organization_id, minute, reason, scope_kind, scope_id, member_id, api_key_id, group_path);

ALTER TABLE ONLY public.request_replays
    ADD CONSTRAINT request_replays_pkey PRIMARY KEY (user_id, method, request_id);

ALTER TABLE ONLY public.routed_calls
    ADD CONSTRAINT routed_calls_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.routing_policies
    ADD CONSTRAINT routing_policies_pkey PRIMARY KEY (organization_id, scope_kind, scope_id);

ALTER TABLE ONLY public.routing_returns
    ADD CONSTRAINT routing_returns_pkey PRIMARY KEY (organization_id, return_id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.scim_group_members
    ADD CONSTRAINT scim_group_members_pkey PRIMARY KEY (organization_id, group_id, member_id);

ALTER TABLE ONLY public.scim_groups
    ADD CONSTRAINT scim_groups_pkey PRIMARY KEY (organization_id, group_id);

ALTER TABLE ONLY public.scim_users
    ADD CONSTRAINT scim_users_pkey PRIMARY KEY (organization_id, member_id);

ALTER TABLE ONLY public.scope_spend
    ADD CONSTRAINT scope_spend_pkey PRIMARY KEY (organization_id, counter);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_pkey PRIMARY KEY (organization_id, sign_in_link_id);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_secret_hash_key UNIQUE (secret_hash);

ALTER TABLE ONLY public.standing_positions
    ADD CONSTRAINT standing_positions_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY public.standings
    ADD CONSTRAINT standings_pkey PRIMARY KEY (organization_id, kind, id);

ALTER TABLE ONLY public.stored_objects
    ADD CONSTRAINT stored_objects_pkey PRIMARY KEY (object_id, kind, provider_id, registered_for);

ALTER TABLE ONLY public.top_up_requests
    ADD CONSTRAINT top_up_requests_organization_id_idempotency_key_key UNIQUE (organization_id, idempotency_key);

ALTER TABLE ONLY public.top_up_requests
    ADD CONSTRAINT top_up_requests_pkey PRIMARY KEY (organization_id, top_up_request_id);

ALTER TABLE ONLY public.usage_anomalies
    ADD CONSTRAINT usage_anomalies_organization_id_scope_kind_scope_id_local_d_key UNIQUE (organization_id, scope_kind, scope_id, local_day);

ALTER TABLE ONLY public.usage_anomalies
    ADD CONSTRAINT usage_anomalies_pkey PRIMARY KEY (organization_id, anomaly_id);

ALTER TABLE ONLY public.usage_corrections
    ADD CONSTRAINT usage_corrections_organization_id_sequence_key UNIQUE (organization_id, sequence);

ALTER TABLE ONLY public.usage_corrections
    ADD CONSTRAINT usage_corrections_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.usage_days
    ADD CONSTRAINT usage_days_pkey PRIMARY KEY (organization_id, generation, scope_kind, scope_id, day_start, model, status, group_path, member_id);

ALTER TABLE ONLY public.usage_discrepancies
    ADD CONSTRAINT usage_discrepancies_hold_id_key UNIQUE (hold_id);

ALTER TABLE ONLY public.usage_discrepancies
    ADD CONSTRAINT usage_discrepancies_pkey PRIMARY KEY (discrepancy_id);

ALTER TABLE ONLY public.usage_export_parts
    ADD CONSTRAINT usage_export_parts_pkey PRIMARY KEY (organization_id, export_id, part_number);

ALTER TABLE ONLY public.usage_exports
    ADD CONSTRAINT usage_exports_pkey PRIMARY KEY (organization_id, export_id);

ALTER TABLE ONLY public.usage_findings
    ADD CONSTRAINT usage_findings_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.usage_hours
    ADD CONSTRAINT usage_hours_pkey PRIMARY KEY (organization_id, generation, hour_start, member_id, api_key_id, model, status, endpoint, provider_id, group_path);

ALTER TABLE ONLY public.usage_member_numbers
    ADD CONSTRAINT usage_member_numbers_organization_id_generation_number_key UNIQUE (organization_id, generation, number);

ALTER TABLE ONLY public.usage_member_numbers
    ADD CONSTRAINT usage_member_numbers_pkey PRIMARY KEY (organization_id, generation, member_id);

ALTER TABLE ONLY public.usage_member_sets
    ADD CONSTRAINT usage_member_sets_pkey PRIMARY KEY (organization_id, generation, day_start, model);

ALTER TABLE ONLY public.usage_months
    ADD CONSTRAINT usage_months_pkey PRIMARY KEY (organization_id, generation, scope_kind, scope_id, month_start, member_id);

ALTER TABLE ONLY public.usage_names
    ADD CONSTRAINT usage_names_pkey PRIMARY KEY (organization_id, kind, id, valid_from);

ALTER TABLE ONLY public.usage_quarantine
    ADD CONSTRAINT usage_quarantine_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.usage_records
    ADD CONSTRAINT usage_records_organization_id_sequence_key UNIQUE (organization_id, sequence);

ALTER TABLE ONLY public.usage_records
    ADD CONSTRAINT usage_records_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.usage_rollups
    ADD CONSTRAINT usage_rollups_pkey PRIMARY KEY (organization_id, generation);

ALTER TABLE ONLY public.usage_running_totals
    ADD CONSTRAINT usage_running_totals_pkey PRIMARY KEY (organization_id, generation, scope_kind, month_start, scope_id, group_path, member_id);

ALTER TABLE ONLY public.usage_tag_days
    ADD CONSTRAINT usage_tag_days_pkey PRIMARY KEY (organization_id, generation, name, value, day_start);

ALTER TABLE ONLY public.usage_tagged_hours
    ADD CONSTRAINT usage_tagged_hours_pkey PRIMARY KEY (organization_id, generation, hour_start, member_id, api_key_id, model, status, endpoint, provider_id, group_path, tags);

ALTER TABLE ONLY public.usage_year_totals
    ADD CONSTRAINT usage_year_totals_pkey PRIMARY KEY (organization_id, generation, scope_kind, year, scope_id, group_path, member_id);

ALTER TABLE ONLY public.user_identities
    ADD CONSTRAINT user_identities_pkey PRIMARY KEY (issuer, subject);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_personal_organization_id_key UNIQUE (personal_organization_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.virtual_models
    ADD CONSTRAINT virtual_models_one_of_a_name UNIQUE (organization_id, owner_kind, owner_id, model_name);

ALTER TABLE ONLY public.virtual_models
    ADD CONSTRAINT virtual_models_pkey PRIMARY KEY (organization_id, virtual_model_id);

CREATE INDEX access_tokens_by_user ON public.access_tokens USING btree (user_id);

CREATE INDEX active_super_admins ON public.members USING btree (organization_id, member_id) WHERE ((role = 'SUPER_ADMIN'::text) AND (state = 'ACTIVE'::text));

CREATE INDEX alert_events_by_age ON public.alert_events USING btree (occur_time);

CREATE INDEX alert_events_by_time ON public.alert_events USING btree (organization_id, occur_time);

CREATE INDEX alert_positions_by_look ON public.alert_positions USING btree (next_look_time);

CREATE INDEX api_keys_below_1 ON public.api_keys USING btree (organization_id, (group_path[1]), api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[1] IS NOT NULL));

CREATE INDEX api_keys_below_1_by_creation ON public.api_keys USING btree (organization_id, (group_path[1]), create_time, api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[1] IS NOT NULL));

CREATE INDEX api_keys_below_2 ON public.api_keys USING btree (organization_id, (group_path[2]), api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[2] IS NOT NULL));

CREATE INDEX api_keys_below_2_by_creation ON public.api_keys USING btree (organization_id, (group_path[2]), create_time, api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[2] IS NOT NULL));

CREATE INDEX api_keys_below_3 ON public.api_keys USING btree (organization_id, (group_path[3]), api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[3] IS NOT NULL));

CREATE INDEX api_keys_below_3_by_creation ON public.api_keys USING btree (organization_id, (group_path[3]), create_time, api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[3] IS NOT NULL));

CREATE INDEX api_keys_below_4 ON public.api_keys USING btree (organization_id, (group_path[4]), api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[4] IS NOT NULL));

CREATE INDEX api_keys_below_4_by_creation ON public.api_keys USING btree (organization_id, (group_path[4]), create_time, api_key_id) WHERE ((state <> 'DELETED'::text) AND (group_path[4] IS NOT NULL));

CREATE INDEX api_keys_by_creation ON public.api_keys USING btree (organization_id, create_time, api_key_id) WHERE (state <> 'DELETED'::text);

CREATE INDEX api_keys_by_expiry ON public.api_keys USING btree (organization_id, expire_time) WHERE ((expire_time IS NOT NULL) AND (state = 'ACTIVE'::text));

CREATE INDEX api_keys_by_member ON public.api_keys USING btree (organization_id, member_id, api_key_id);

CREATE INDEX api_keys_of_organization ON public.api_keys USING btree (organization_id, api_key_id) WHERE (state <> 'DELETED'::text);

CREATE INDEX audit_log_below_1 ON public.audit_log USING btree (organization_id, (group_path[1]), sequence) WHERE (group_path[1] IS NOT NULL);

CREATE INDEX audit_log_below_2 ON public.audit_log USING btree (organization_id, (group_path[2]), sequence) WHERE (group_path[2] IS NOT NULL);

CREATE INDEX audit_log_below_3 ON public.audit_log USING btree (organization_id, (group_path[3]), sequence) WHERE (group_path[3] IS NOT NULL);

CREATE INDEX audit_log_below_4 ON public.audit_log USING btree (organization_id, (group_path[4]), sequence) WHERE (group_path[4] IS NOT NULL);

CREATE INDEX audit_log_by_resource ON public.audit_log USING btree (organization_id, resource_name, sequence);

CREATE INDEX audit_log_by_time ON public.audit_log USING btree (create_time);

CREATE INDEX budget_carries_by_period ON public.budget_carries USING btree (organization_id, budget, lineage, revision, period_start);

CREATE INDEX budget_events_waiting ON public.budget_events USING btree (organization_id, create_time) WHERE (deliver_time IS NULL);

CREATE UNIQUE INDEX call_ratings_by_call ON public.call_ratings USING btree (hold_id) WHERE (hold_id IS NOT NULL);

CREATE INDEX call_ratings_waiting ON public.call_ratings USING btree (organization_id, member_id) WHERE (hold_id IS NULL);

CREATE INDEX claim_mappings_by_value ON public.claim_mappings USING btree (issuer, claim, value);

CREATE INDEX claim_memberships_by_user ON public.claim_memberships USING btree (user_id, issuer);

CREATE INDEX delivery_attempts_by_message ON public.delivery_attempts USING btree (organization_id, message_id) WHERE (message_id <> ''::text);

CREATE INDEX groups_by_ancestor ON public.groups USING gin (path);

CREATE INDEX groups_by_parent ON public.groups USING btree (organization_id, parent_group_id);

CREATE INDEX groups_by_tree ON public.groups USING btree (organization_id, tree_order);

CREATE INDEX guardrail_defaults_by_name ON public.guardrail_defaults USING btree (organization_id, default_id);

CREATE INDEX guardrails_by_change ON public.guardrails USING btree (organization_id, update_time);

CREATE INDEX guardrails_by_name ON public.guardrails USING btree (organization_id, guardrail_id);

CREATE INDEX guardrails_by_time ON public.guardrails USING btree (update_time);

CREATE INDEX held_alerts_by_release ON public.held_alerts USING btree (organization_id, released_event_id);

CREATE INDEX held_alerts_by_time ON public.held_alerts USING btree (send_time) WHERE (release_time IS NULL);

CREATE INDEX held_alerts_of_event ON public.held_alerts USING btree (organization_id, event_id);

CREATE INDEX held_alerts_waiting ON public.held_alerts USING btree (organization_id, rule_id) WHERE (release_time IS NULL);

CREATE INDEX held_alerts_without_rule ON public.held_alerts USING btree (organization_id) WHERE ((release_time IS NULL) AND (rule_id IS NULL));

CREATE INDEX holds_by_placement ON public.holds USING btree (organization_id, placement);

CREATE INDEX holds_open_by_expiry ON public.holds USING btree (expire_time) WHERE (state = 'HELD'::text);

CREATE INDEX holds_open_by_organization ON public.holds USING btree (organization_id) WHERE (state = 'HELD'::text);

CREATE INDEX inbox_entries_by_time ON public.inbox_entries USING btree (organization_id, member_id, create_time, event_id);

CREATE INDEX inbox_entries_of_event ON public.inbox_entries USING btree (organization_id, event_id);

CREATE INDEX invites_below_1 ON public.invites USING btree (organization_id, (group_path[1]), invite_id) WHERE (group_path[1] IS NOT NULL);

CREATE INDEX invites_below_2 ON public.invites USING btree (organization_id, (group_path[2]), invite_id) WHERE (group_path[2] IS NOT NULL);

CREATE INDEX invites_below_3 ON public.invites USING btree (organization_id, (group_path[3]), invite_id) WHERE (group_path[3] IS NOT NULL);

CREATE INDEX invites_below_4 ON public.invites USING btree (organization_id, (group_path[4]), invite_id) WHERE (group_path[4] IS NOT NULL);

CREATE INDEX invites_by_email ON public.invites USING btree (organization_id, email) WHERE ((email IS NOT NULL) AND (revoke_time IS NULL));

CREATE INDEX invites_by_group ON public.invites USING btree (organization_id, group_id);

CREATE INDEX key_counts_below_1 ON public.key_counts USING btree (organization_id, kind, is_removed, (group_path[1]), key_count, id) WHERE (group_path[1] IS NOT NULL);

CREATE INDEX key_counts_below_2 ON public.key_counts USING btree (organization_id, kind, is_removed, (group_path[2]), key_count, id) WHERE (group_path[2] IS NOT NULL);

CREATE INDEX key_counts_below_3 ON public.key_counts USING btree (organization_id, kind, is_removed, (group_path[3]), key_count, id) WHERE (group_path[3] IS NOT NULL);

CREATE INDEX key_counts_below_4 ON public.key_counts USING btree (organization_id, kind, is_removed, (group_path[4]), key_count, id) WHERE (group_path[4] IS NOT NULL);

CREATE INDEX key_counts_by_count ON public.key_counts USING btree (organization_id, kind, is_removed, key_count, id);

CREATE INDEX ledger_transfers_by_time ON public.ledger_transfers USING btree (organization_id, create_time);

CREATE INDEX members_below_1 ON public.members USING btree (organization_id, (group_path[1]), member_id) WHERE ((group_path[1] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_below_1_by_creation ON public.members USING btree (organization_id, (group_path[1]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[1] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_below_2 ON public.members USING btree (organization_id, (group_path[2]), member_id) WHERE ((group_path[2] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_below_2_by_creation ON public.members USING btree (organization_id, (group_path[2]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[2] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_below_3 ON public.members USING btree (organization_id, (group_path[3]), member_id) WHERE ((group_path[3] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_below_3_by_creation ON public.members USING btree (organization_id, (group_path[3]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[3] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_below_4 ON public.members USING btree (organization_id, (group_path[4]), member_id) WHERE ((group_path[4] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_below_4_by_creation ON public.members USING btree (organization_id, (group_path[4]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[4] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX members_by_creation ON public.members USING btree (organization_id, create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (user_id IS NOT NULL));

CREATE INDEX members_by_group ON public.members USING btree (organization_id, group_id, member_id) WHERE ((state <> 'REMOVED'::text) AND (user_id IS NOT NULL));

CREATE INDEX members_by_user ON public.members USING btree (user_id);

CREATE INDEX members_of_organization ON public.members USING btree (organization_id, member_id) WHERE ((state <> 'REMOVED'::text) AND (user_id IS NOT NULL));

CREATE INDEX notification_channels_disabled ON public.notification_channels USING btree (disable_time) WHERE (disable_time IS NOT NULL);

CREATE UNIQUE INDEX notification_channels_personal ON public.notification_channels USING btree (organization_id, member_id) WHERE (member_id IS NOT NULL);

CREATE INDEX notification_deliveries_by_time ON public.notification_deliveries USING btree (organization_id, create_time, delivery_id);

CREATE INDEX notification_deliveries_due ON public.notification_deliveries USING btree (next_attempt_time) WHERE (state = 'PENDING'::text);

CREATE INDEX notification_deliveries_of_event ON public.notification_deliveries USING btree (organization_id, event_id);

CREATE INDEX notification_deliveries_waiting ON public.notification_deliveries USING btree (organization_id, channel_id, create_time, delivery_id) WHERE (state = 'PENDING'::text);

CREATE INDEX notification_rules_by_change ON public.notification_rules USING btree (update_time);

CREATE UNIQUE INDEX notification_rules_overrides ON public.notification_rules USING btree (organization_id, overrides_rule_id, scope_kind, scope_id) WHERE (overrides_rule_id IS NOT NULL);

CREATE INDEX open_incidents_of_channel ON public.open_incidents USING btree (organization_id, channel_id);

CREATE INDEX open_incidents_of_event ON public.open_incidents USING btree (organization_id, event_id);

CREATE INDEX operator_audit_log_by_organization ON public.operator_audit_log USING btree (concerned_organization_id, sequence);

CREATE INDEX operator_audit_log_by_user ON public.operator_audit_log USING btree (user_id, sequence);

CREATE UNIQUE INDEX organization_provider_credentials_by_id ON public.organization_provider_credentials USING btree (credential_id);

CREATE UNIQUE INDEX organization_provider_credentials_live ON public.organization_provider_credentials USING btree (organization_id, provider_id) WHERE live;

CREATE INDEX organizations_to_purge ON public.organizations USING btree (purge_time) WHERE ((state = 'DELETED'::text) AND (purged_time IS NULL));

CREATE INDEX outbox_messages_waiting ON public.outbox_messages USING btree (attempt_time) WHERE (deliver_time IS NULL);

CREATE INDEX present_members_below_1 ON public.members USING btree (organization_id, (group_path[1]), member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[1] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX present_members_below_2 ON public.members USING btree (organization_id, (group_path[2]), member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[2] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX present_members_below_3 ON public.members USING btree (organization_id, (group_path[3]), member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[3] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX present_members_below_4 ON public.members USING btree (organization_id, (group_path[4]), member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[4] IS NOT NULL) AND (user_id IS NOT NULL));

CREATE INDEX refused_calls_by_age ON public.refused_calls USING btree (minute);

CREATE INDEX request_replays_by_age ON public.request_replays USING btree (create_time);

CREATE INDEX routed_calls_by_request ON public.routed_calls USING btree (organization_id, request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX routed_calls_by_time ON public.routed_calls USING btree (organization_id, place_time);

CREATE INDEX routing_returns_by_time ON public.routing_returns USING btree (organization_id, return_time);

CREATE UNIQUE INDEX routing_returns_one_in_force ON public.routing_returns USING btree (organization_id, virtual_model_id, use_case) WHERE (lift_time IS NULL);

CREATE INDEX scim_group_members_by_member ON public.scim_group_members USING btree (organization_id, member_id);

CREATE UNIQUE INDEX scim_users_by_name ON public.scim_users USING btree (organization_id, lower(user_name)) WHERE (delete_time IS NULL);

CREATE INDEX scope_spend_by_api_key ON public.scope_spend USING btree (organization_id, split_part(counter, ':'::text, 2)) WHERE (counter ~~ 'api\_key:%'::text);

CREATE INDEX scope_spend_by_last_use ON public.scope_spend USING brin (last_use_time) WITH (pages_per_range='32', autosummarize='on') WHERE (counter ~~ 'api\_key:%'::text);

CREATE INDEX service_accounts_below_1 ON public.members USING btree (organization_id, (group_path[1]), member_id) WHERE ((group_path[1] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_below_1_by_creation ON public.members USING btree (organization_id, (group_path[1]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[1] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_below_2 ON public.members USING btree (organization_id, (group_path[2]), member_id) WHERE ((group_path[2] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_below_2_by_creation ON public.members USING btree (organization_id, (group_path[2]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[2] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_below_3 ON public.members USING btree (organization_id, (group_path[3]), member_id) WHERE ((group_path[3] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_below_3_by_creation ON public.members USING btree (organization_id, (group_path[3]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[3] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_below_4 ON public.members USING btree (organization_id, (group_path[4]), member_id) WHERE ((group_path[4] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_below_4_by_creation ON public.members USING btree (organization_id, (group_path[4]), create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (group_path[4] IS NOT NULL) AND (user_id IS NULL));

CREATE INDEX service_accounts_by_creation ON public.members USING btree (organization_id, create_time, member_id) WHERE ((state <> 'REMOVED'::text) AND (user_id IS NULL));

CREATE INDEX service_accounts_by_group ON public.members USING btree (organization_id, group_id, member_id) WHERE (user_id IS NULL);

CREATE INDEX service_accounts_of_organization ON public.members USING btree (organization_id, member_id) WHERE (user_id IS NULL);

CREATE INDEX sign_in_links_by_member ON public.sign_in_links USING btree (organization_id, member_id);

CREATE INDEX standings_below_1_by_calls ON public.standings USING btree (organization_id, is_removed, (group_path[1]), cycle, period_start, call_count, id) WHERE ((kind = 'api_key'::text) AND (group_path[1] IS NOT NULL));

CREATE INDEX standings_below_1_by_spend ON public.standings USING btree (organization_id, kind, is_removed, (group_path[1]), cycle, period_start, spent_nano_credits, id) WHERE (group_path[1] IS NOT NULL);

CREATE INDEX standings_below_1_by_use ON public.standings USING btree (organization_id, is_removed, (group_path[1]), last_use_time, id) WHERE ((kind = 'api_key'::text) AND (group_path[1] IS NOT NULL));

CREATE INDEX standings_below_2_by_calls ON public.standings USING btree (organization_id, is_removed, (group_path[2]), cycle, period_start, call_count, id) WHERE ((kind = 'api_key'::text) AND (group_path[2] IS NOT NULL));

CREATE INDEX standings_below_2_by_spend ON public.standings USING btree (organization_id, kind, is_removed, (group_path[2]), cycle, period_start, spent_nano_credits, id) WHERE (group_path[2] IS NOT NULL);

CREATE INDEX standings_below_2_by_use ON public.standings USING btree (organization_id, is_removed, (group_path[2]), last_use_time, id) WHERE ((kind = 'api_key'::text) AND (group_path[2] IS NOT NULL));

CREATE INDEX standings_below_3_by_calls ON public.standings USING btree (organization_id, is_removed, (group_path[3]), cycle, period_start, call_count, id) WHERE ((kind = 'api_key'::text) AND (group_path[3] IS NOT NULL));

CREATE INDEX standings_below_3_by_spend ON public.standings USING btree (organization_id, kind, is_removed, (group_path[3]), cycle, period_start, spent_nano_credits, id) WHERE (group_path[3] IS NOT NULL);

CREATE INDEX standings_below_3_by_use ON public.standings USING btree (organization_id, is_removed, (group_path[3]), last_use_time, id) WHERE ((kind = 'api_key'::text) AND (group_path[3] IS NOT NULL));

CREATE INDEX standings_below_4_by_calls ON public.standings USING btree (organization_id, is_removed, (group_path[4]), cycle, period_start, call_count, id) WHERE ((kind = 'api_key'::text) AND (group_path[4] IS NOT NULL));

CREATE INDEX standings_below_4_by_spend ON public.standings USING btree (organization_id, kind, is_removed, (group_path[4]), cycle, period_start, spent_nano_credits, id) WHERE (group_path[4] IS NOT NULL);

CREATE INDEX standings_below_4_by_use ON public.standings USING btree (organization_id, is_removed, (group_path[4]), last_use_time, id) WHERE ((kind = 'api_key'::text) AND (group_path[4] IS NOT NULL));

CREATE INDEX standings_by_calls ON public.standings USING btree (organization_id, is_removed, cycle, period_start, call_count, id) WHERE (kind = 'api_key'::text);

CREATE INDEX standings_by_spend ON public.standings USING btree (organization_id, kind, is_removed, cycle, period_start, spent_nano_credits, id);

CREATE INDEX standings_by_use ON public.standings USING btree (organization_id, is_removed, last_use_time, id) WHERE (kind = 'api_key'::text);

CREATE INDEX stored_objects_by_expiry ON public.stored_objects USING btree (expire_time);

CREATE INDEX top_up_requests_by_id ON public.top_up_requests USING btree (top_up_request_id);

CREATE INDEX top_up_requests_by_state ON public.top_up_requests USING btree (state, top_up_request_id);

CREATE INDEX usage_anomalies_by_day ON public.usage_anomalies USING btree (organization_id, local_day);

CREATE INDEX usage_anomalies_explained ON public.usage_anomalies USING btree (organization_id, explained_by) WHERE (explained_by IS NOT NULL);

CREATE INDEX usage_days_by_day ON public.usage_days USING btree (organization_id, generation, scope_kind, day_start) INCLUDE (scope_id, model, call_count, voided_call_count, charge_nano_credits);

CREATE INDEX usage_exports_ended ON public.usage_exports USING btree (end_time) WHERE ((schedule_id <> ''::text) AND (state = ANY (ARRAY['SUCCEEDED'::text, 'FAILED'::text])));

CREATE INDEX usage_exports_expiring ON public.usage_exports USING btree (expire_time);

CREATE UNIQUE INDEX usage_exports_shared ON public.usage_exports USING btree (share_hash) WHERE (share_hash IS NOT NULL);

CREATE INDEX usage_exports_waiting ON public.usage_exports USING btree (create_time) WHERE (state = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]));

CREATE INDEX usage_findings_by_time ON public.usage_findings USING btree (organization_id, create_time, hold_id);

CREATE INDEX usage_months_by_month ON public.usage_months USING btree (organization_id, generation, scope_kind, scope_id, month_start) INCLUDE (member_id, call_count, voided_call_count, charge_nano_credits);

CREATE UNIQUE INDEX usage_names_present ON public.usage_names USING btree (organization_id, kind, id) WHERE (valid_to IS NULL);

CREATE INDEX usage_quarantine_by_time ON public.usage_quarantine USING btree (organization_id, create_time);

CREATE INDEX usage_records_by_provider ON public.usage_records USING btree (provider_id, settle_time);

CREATE INDEX usage_records_by_time ON public.usage_records USING btree (organization_id, place_time, member_id);

CREATE UNIQUE INDEX usage_rollups_building ON public.usage_rollups USING btree (organization_id) WHERE (state = 'BUILDING'::text);

CREATE UNIQUE INDEX usage_rollups_current ON public.usage_rollups USING btree (organization_id) WHERE (state = 'CURRENT'::text);

CREATE INDEX usage_rollups_retired ON public.usage_rollups USING btree (organization_id, generation) WHERE (state = 'RETIRED'::text);

CREATE INDEX user_identities_by_user ON public.user_identities USING btree (user_id);

CREATE TRIGGER api_keys_begin_standings AFTER INSERT ON public.api_keys REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.begin_standings_of_keys();

CREATE TRIGGER api_keys_count AFTER DELETE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.count_keys();

CREATE TRIGGER api_keys_count_change AFTER UPDATE ON public.api_keys FOR EACH ROW WHEN (((old.member_id <> new.member_id) OR ((old.state = 'DELETED'::text) <> (new.state = 'DELETED'::text)))) EXECUTE FUNCTION public.count_keys();

CREATE TRIGGER api_keys_note_name AFTER INSERT OR UPDATE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.note_usage_name_of_row();

CREATE TRIGGER api_keys_notify AFTER INSERT OR DELETE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('api_key');

CREATE TRIGGER api_keys_notify_change AFTER UPDATE ON public.api_keys FOR EACH ROW WHEN (((old.group_path = new.group_path) OR (old.member_id IS DISTINCT FROM new.member_id))) EXECUTE FUNCTION public.notify_identity_change('api_key');

CREATE TRIGGER api_keys_place BEFORE INSERT OR UPDATE OF member_id, group_path ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.place_api_key();

CREATE TRIGGER api_keys_place_standing AFTER UPDATE ON public.api_keys FOR EACH ROW WHEN (((old.group_path IS DISTINCT FROM new.group_path) OR ((old.state = 'DELETED'::text) <> (new.state = 'DELETED'::text)))) EXECUTE FUNCTION public.place_standing();

CREATE TRIGGER api_keys_remove_standing AFTER DELETE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.remove_standing();

CREATE TRIGGER api_keys_revise_all_identities AFTER TRUNCATE ON public.api_keys FOR EACH STATEMENT EXECUTE FUNCTION public.revise_all_identities();

CREATE CONSTRAINT TRIGGER api_keys_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.api_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER audit_log_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_audit_log_change();

CREATE TRIGGER budget_carries_mark AFTER INSERT ON public.budget_carries FOR EACH ROW EXECUTE FUNCTION public.mark_carries();

CREATE TRIGGER catalog_virtual_models_notify AFTER INSERT OR DELETE OR UPDATE ON public.catalog_virtual_models FOR EACH STATEMENT EXECUTE FUNCTION public.notify_catalog_change();

CREATE TRIGGER configuration_versions_notify AFTER INSERT ON public.configuration_versions FOR EACH STATEMENT EXECUTE FUNCTION public.notify_catalog_change();

CREATE TRIGGER create_first_rule AFTER INSERT ON public.organizations FOR EACH ROW EXECUTE FUNCTION public.create_first_rule();

CREATE TRIGGER credit_grants_immutable BEFORE DELETE OR UPDATE ON public.credit_grants FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER credit_grants_not_truncated BEFORE TRUNCATE ON public.credit_grants FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER deployment_settings_notify AFTER INSERT OR DELETE OR UPDATE ON public.deployment_settings FOR EACH ROW EXECUTE FUNCTION public.notify_deployment_change();

CREATE TRIGGER end_personal_channel AFTER UPDATE OF state ON public.members FOR EACH ROW WHEN (((new.state = 'REMOVED'::text) AND (old.state <> 'REMOVED'::text))) EXECUTE FUNCTION public.end_personal_channel();

CREATE TRIGGER groups_note_name AFTER INSERT OR UPDATE ON public.groups FOR EACH ROW EXECUTE FUNCTION public.note_usage_name_of_row();

CREATE TRIGGER groups_notify AFTER INSERT OR DELETE OR UPDATE ON public.groups FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('group');

CREATE TRIGGER groups_place_invites AFTER UPDATE ON public.groups FOR EACH ROW WHEN ((old.path IS DISTINCT FROM new.path)) EXECUTE FUNCTION public.place_invites_of_group();

CREATE TRIGGER groups_place_members AFTER UPDATE ON public.groups FOR EACH ROW WHEN ((old.path IS DISTINCT FROM new.path)) EXECUTE FUNCTION public.place_members_of_group();

CREATE TRIGGER groups_revise_all_identities AFTER TRUNCATE ON public.groups FOR EACH STATEMENT EXECUTE FUNCTION public.revise_all_identities();

CREATE CONSTRAINT TRIGGER groups_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.groups DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER groups_update_time BEFORE UPDATE ON public.groups FOR EACH ROW WHEN ((((old.display_name IS DISTINCT FROM new.display_name) OR (old.path IS DISTINCT FROM new.path)) OR (old.delete_time IS DISTINCT FROM new.delete_time))) EXECUTE FUNCTION public.set_update_time();

CREATE TRIGGER guardrails_begin_carries AFTER INSERT OR UPDATE ON public.guardrails FOR EACH ROW EXECUTE FUNCTION public.begin_carries();

CREATE TRIGGER guardrails_carries_before_change BEFORE UPDATE ON public.guardrails FOR EACH ROW EXECUTE FUNCTION public.record_carries_before_change();

CREATE TRIGGER guardrails_carry_spend_over AFTER INSERT OR UPDATE ON public.guardrails FOR EACH ROW EXECUTE FUNCTION public.carry_spend_over();

CREATE TRIGGER guardrails_cycle_revision BEFORE INSERT OR UPDATE ON public.guardrails FOR EACH ROW EXECUTE FUNCTION public.set_cycle_revision();

CREATE TRIGGER guardrails_mark_soft_budgets AFTER INSERT OR UPDATE ON public.guardrails FOR EACH ROW EXECUTE FUNCTION public.mark_soft_budgets();

CREATE TRIGGER guardrails_notify AFTER INSERT OR DELETE OR UPDATE ON public.guardrails FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('guardrail');

CREATE TRIGGER guardrails_restart_standing AFTER INSERT OR DELETE ON public.guardrails FOR EACH ROW EXECUTE FUNCTION public.restart_standing();

CREATE TRIGGER guardrails_restart_standing_of_change AFTER UPDATE ON public.guardrails FOR EACH ROW WHEN (((old.cycle IS DISTINCT FROM new.cycle) OR (old.cycle_revision IS DISTINCT FROM new.cycle_revision))) EXECUTE FUNCTION public.restart_standing();

CREATE TRIGGER guardrails_revise_all_identities AFTER TRUNCATE ON public.guardrails FOR EACH STATEMENT EXECUTE FUNCTION public.revise_all_identities();

CREATE CONSTRAINT TRIGGER guardrails_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.guardrails DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER invites_place BEFORE INSERT OR UPDATE OF group_id, group_path ON public.invites FOR EACH ROW EXECUTE FUNCTION public.place_invite();

CREATE TRIGGER invites_update_time BEFORE UPDATE ON public.invites FOR EACH ROW WHEN (((old.use_count IS DISTINCT FROM new.use_count) OR (old.revoke_time IS DISTINCT FROM new.revoke_time))) EXECUTE FUNCTION public.set_update_time();

CREATE TRIGGER ledger_transfers_immutable BEFORE DELETE OR UPDATE ON public.ledger_transfers FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER ledger_transfers_not_truncated BEFORE TRUNCATE ON public.ledger_transfers FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER ledger_transfers_use_credit_line AFTER INSERT ON public.ledger_transfers FOR EACH ROW WHEN (((new.credit_account = 'CREDIT_POOL'::text) AND (new.kind = ANY (ARRAY['TOP_UP'::text, 'ADJUSTMENT'::text])))) EXECUTE FUNCTION public.use_credit_line();

CREATE TRIGGER members_begin_standings AFTER INSERT ON public.members REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.begin_standings_of_members();

CREATE TRIGGER members_forget_scim_suspension AFTER UPDATE ON public.members FOR EACH ROW WHEN ((old.state IS DISTINCT FROM new.state)) EXECUTE FUNCTION public.forget_scim_suspension();

CREATE TRIGGER members_note_name AFTER INSERT OR UPDATE ON public.members FOR EACH ROW EXECUTE FUNCTION public.note_usage_name_of_row();

CREATE TRIGGER members_notify AFTER INSERT OR DELETE ON public.members FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('member');

CREATE TRIGGER members_notify_change AFTER UPDATE ON public.members FOR EACH ROW WHEN (((old.group_path = new.group_path) OR (old.group_id IS DISTINCT FROM new.group_id))) EXECUTE FUNCTION public.notify_identity_change('member');

CREATE TRIGGER members_place BEFORE INSERT OR UPDATE OF group_id, group_path ON public.members FOR EACH ROW EXECUTE FUNCTION public.place_member();

CREATE TRIGGER members_place_api_keys AFTER UPDATE ON public.members FOR EACH ROW WHEN ((old.group_path IS DISTINCT FROM new.group_path)) EXECUTE FUNCTION public.place_api_keys_of_member();

CREATE TRIGGER members_place_standing AFTER UPDATE ON public.members FOR EACH ROW WHEN (((old.group_path IS DISTINCT FROM new.group_path) OR ((old.state = 'REMOVED'::text) <> (new.state = 'REMOVED'::text)))) EXECUTE FUNCTION public.place_standing();

CREATE TRIGGER members_remove_standing AFTER DELETE ON public.members FOR EACH ROW EXECUTE FUNCTION public.remove_standing();

CREATE TRIGGER members_revise_all_identities AFTER TRUNCATE ON public.members FOR EACH STATEMENT EXECUTE FUNCTION public.revise_all_identities();

CREATE CONSTRAINT TRIGGER members_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.members DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER members_update_time BEFORE UPDATE ON public.members FOR EACH ROW WHEN (((old.role IS DISTINCT FROM new.role) OR (old.group_id IS DISTINCT FROM new.group_id) OR (old.state IS DISTINCT FROM new.state) OR (old.display_name IS DISTINCT FROM new.display_name))) EXECUTE FUNCTION public.set_update_time();

CREATE TRIGGER models_notify AFTER INSERT OR DELETE OR UPDATE ON public.models FOR EACH STATEMENT EXECUTE FUNCTION public.notify_catalog_change();

CREATE TRIGGER note_pepper BEFORE INSERT OR UPDATE OF secret_hash ON public.access_tokens FOR EACH ROW EXECUTE FUNCTION public.note_pepper();

CREATE TRIGGER note_pepper BEFORE INSERT OR UPDATE OF secret_hash ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.note_pepper();

CREATE TRIGGER note_pepper BEFORE INSERT OR UPDATE OF secret_hash ON public.credentials FOR EACH ROW EXECUTE FUNCTION public.note_pepper();

CREATE TRIGGER note_pepper BEFORE INSERT ON public.invites FOR EACH ROW EXECUTE FUNCTION public.note_pepper();

CREATE TRIGGER note_pepper BEFORE INSERT ON public.sign_in_links FOR EACH ROW EXECUTE FUNCTION public.note_pepper();

CREATE TRIGGER note_previous_pepper BEFORE UPDATE OF secret_hash, previous_secret_hash ON public.api_keys FOR EACH ROW EXECUTE FUNCTION public.note_previous_pepper();

CREATE TRIGGER note_previous_pepper BEFORE UPDATE OF secret_hash, previous_secret_hash ON public.credentials FOR EACH ROW EXECUTE FUNCTION public.note_previous_pepper();

CREATE TRIGGER operator_audit_log_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.operator_audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_audit_log_change();

CREATE TRIGGER organization_provider_credentials_notify AFTER INSERT OR DELETE OR UPDATE ON public.organization_provider_credentials FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('organization');

CREATE TRIGGER organization_provider_credentials_notify_catalog AFTER INSERT OR DELETE OR UPDATE ON public.organization_provider_credentials FOR EACH STATEMENT EXECUTE FUNCTION public.notify_catalog_change();

CREATE CONSTRAINT TRIGGER organization_provider_credentials_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.organization_provider_credentials DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER organizations_notify AFTER INSERT OR DELETE OR UPDATE ON public.organizations FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('organization');

CREATE TRIGGER organizations_open_ledger AFTER INSERT ON public.organizations FOR EACH ROW EXECUTE FUNCTION public.open_ledger();

CREATE TRIGGER organizations_restart_cycles AFTER UPDATE OF time_zone ON public.organizations FOR EACH ROW WHEN ((new.time_zone <> old.time_zone)) EXECUTE FUNCTION public.restart_cycles();

CREATE TRIGGER organizations_revise_all_identities AFTER TRUNCATE ON public.organizations FOR EACH STATEMENT EXECUTE FUNCTION public.revise_all_identities();

CREATE CONSTRAINT TRIGGER organizations_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.organizations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER price_versions_immutable BEFORE DELETE OR UPDATE ON public.price_versions FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER price_versions_not_truncated BEFORE TRUNCATE ON public.price_versions FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER price_versions_notify AFTER INSERT ON public.price_versions FOR EACH STATEMENT EXECUTE FUNCTION public.notify_catalog_change();

CREATE TRIGGER provider_credentials_notify AFTER INSERT OR DELETE OR UPDATE ON public.provider_credentials FOR EACH STATEMENT EXECUTE FUNCTION public.notify_catalog_change();

CREATE TRIGGER providers_notify AFTER INSERT OR DELETE OR UPDATE ON public.providers FOR EACH STATEMENT EXECUTE FUNCTION public.notify_catalog_change();

CREATE TRIGGER replace_unknown_attempt BEFORE INSERT ON public.delivery_attempts FOR EACH ROW EXECUTE FUNCTION public.replace_unknown_attempt();

CREATE TRIGGER routing_policies_notify AFTER INSERT OR DELETE OR UPDATE ON public.routing_policies FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('organization');

CREATE CONSTRAINT TRIGGER routing_policies_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.routing_policies DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER routing_returns_notify AFTER INSERT OR DELETE OR UPDATE ON public.routing_returns FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('organization');

CREATE CONSTRAINT TRIGGER routing_returns_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.routing_returns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

CREATE TRIGGER top_up_requests_decided_once BEFORE UPDATE ON public.top_up_requests FOR EACH ROW WHEN ((old.state <> 'PENDING'::text)) EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER top_up_requests_kept BEFORE DELETE ON public.top_up_requests FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER top_up_requests_not_truncated BEFORE TRUNCATE ON public.top_up_requests FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_corrections_immutable BEFORE DELETE OR UPDATE ON public.usage_corrections FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_corrections_not_truncated BEFORE TRUNCATE ON public.usage_corrections FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_findings_immutable BEFORE DELETE OR UPDATE ON public.usage_findings FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_findings_not_truncated BEFORE TRUNCATE ON public.usage_findings FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_quarantine_immutable BEFORE DELETE OR UPDATE ON public.usage_quarantine FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_quarantine_not_truncated BEFORE TRUNCATE ON public.usage_quarantine FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_records_immutable BEFORE DELETE OR UPDATE ON public.usage_records FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER usage_records_not_truncated BEFORE TRUNCATE ON public.usage_records FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER users_note_names AFTER UPDATE OF display_name, email ON public.users FOR EACH ROW WHEN (((old.display_name IS DISTINCT FROM new.display_name) OR (old.email IS DISTINCT FROM new.email))) EXECUTE FUNCTION public.note_usage_name_of_row();

CREATE TRIGGER virtual_models_notify AFTER INSERT OR DELETE OR UPDATE ON public.virtual_models FOR EACH ROW EXECUTE FUNCTION public.notify_identity_change('organization');

CREATE CONSTRAINT TRIGGER virtual_models_revise_identities AFTER INSERT OR DELETE OR UPDATE ON public.virtual_models DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.revise_identities_of_row();

ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_only_organization_id_fkey FOREIGN KEY (only_organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.account_refusals
    ADD CONSTRAINT account_refusals_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.account_refusals
    ADD CONSTRAINT account_refusals_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES public.providers(provider_id);

ALTER TABLE ONLY public.alert_events
    ADD CONSTRAINT alert_events_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.alert_lags
    ADD CONSTRAINT alert_lags_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.alert_positions
    ADD CONSTRAINT alert_positions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.alert_states
    ADD CONSTRAINT alert_states_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.analysis_settings
    ADD CONSTRAINT analysis_settings_organization_id_api_key_id_fkey FOREIGN KEY (organization_id, api_key_id) REFERENCES public.api_keys(organization_id, api_key_id);

ALTER TABLE ONLY public.analysis_settings
    ADD CONSTRAINT analysis_settings_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.anomaly_positions
    ADD CONSTRAINT anomaly_positions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.anomaly_scopes
    ADD CONSTRAINT anomaly_scopes_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.anomaly_verdicts
    ADD CONSTRAINT anomaly_verdicts_organization_id_anomaly_id_fkey FOREIGN KEY (organization_id, anomaly_id) REFERENCES public.usage_anomalies(organization_id, anomaly_id);

ALTER TABLE ONLY public.anomaly_verdicts
    ADD CONSTRAINT anomaly_verdicts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_organization_id_member_id_fkey FOREIGN KEY (organization_id, member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.budget_carries
    ADD CONSTRAINT budget_carries_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.budget_events
    ADD CONSTRAINT budget_events_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.call_ratings
    ADD CONSTRAINT call_ratings_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.claim_mappings
    ADD CONSTRAINT claim_mappings_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.claim_mappings
    ADD CONSTRAINT claim_mappings_organization_id_group_id_fkey FOREIGN KEY (organization_id, group_id) REFERENCES public.groups(organization_id, group_id);

ALTER TABLE ONLY public.claim_mappings
    ADD CONSTRAINT claim_mappings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.claim_memberships
    ADD CONSTRAINT claim_memberships_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.claim_memberships
    ADD CONSTRAINT claim_memberships_organization_id_member_id_fkey FOREIGN KEY (organization_id, member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.claim_memberships
    ADD CONSTRAINT claim_memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_creator_user_id_fkey FOREIGN KEY (creator_user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.credit_grants
    ADD CONSTRAINT credit_grants_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.credit_grants
    ADD CONSTRAINT credit_grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.credit_lines
    ADD CONSTRAINT credit_lines_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.credit_lines
    ADD CONSTRAINT credit_lines_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_organization_id_delivery_id_fkey FOREIGN KEY (organization_id, delivery_id) REFERENCES public.notification_deliveries(organization_id, delivery_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.export_schedules
    ADD CONSTRAINT export_schedules_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_organization_id_parent_group_id_fkey FOREIGN KEY (organization_id, parent_group_id) REFERENCES public.groups(organization_id, group_id);

ALTER TABLE ONLY public.guardrail_defaults
    ADD CONSTRAINT guardrail_defaults_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.guardrails
    ADD CONSTRAINT guardrails_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.held_alerts
    ADD CONSTRAINT held_alerts_organization_id_event_id_fkey FOREIGN KEY (organization_id, event_id) REFERENCES public.alert_events(organization_id, event_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.held_alerts
    ADD CONSTRAINT held_alerts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.held_alerts
    ADD CONSTRAINT held_alerts_organization_id_released_event_id_fkey FOREIGN KEY (organization_id, released_event_id) REFERENCES public.alert_events(organization_id, event_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.held_alerts
    ADD CONSTRAINT held_alerts_organization_id_rule_id_fkey FOREIGN KEY (organization_id, rule_id) REFERENCES public.notification_rules(organization_id, rule_id) ON DELETE SET NULL (rule_id);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.inbox_entries
    ADD CONSTRAINT inbox_entries_organization_id_event_id_fkey FOREIGN KEY (organization_id, event_id) REFERENCES public.alert_events(organization_id, event_id);

ALTER TABLE ONLY public.inbox_entries
    ADD CONSTRAINT inbox_entries_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_organization_id_group_id_fkey FOREIGN KEY (organization_id, group_id) REFERENCES public.groups(organization_id, group_id);

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_organization_id_inviter_member_id_fkey FOREIGN KEY (organization_id, inviter_member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.invoice_requests
    ADD CONSTRAINT invoice_requests_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.invoice_requests
    ADD CONSTRAINT invoice_requests_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.ledger_accounts
    ADD CONSTRAINT ledger_accounts_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.ledger_heads
    ADD CONSTRAINT ledger_heads_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.ledger_transfers
    ADD CONSTRAINT ledger_transfers_organization_id_corrects_sequence_fkey FOREIGN KEY (organization_id, corrects_sequence) REFERENCES public.ledger_transfers(organization_id, sequence);

ALTER TABLE ONLY public.mail_preferences
    ADD CONSTRAINT mail_preferences_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.mail_preferences
    ADD CONSTRAINT mail_preferences_organization_id_member_id_fkey FOREIGN KEY (organization_id, member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_organization_id_group_id_fkey FOREIGN KEY (organization_id, group_id) REFERENCES public.groups(organization_id, group_id);

ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES public.providers(provider_id);

ALTER TABLE ONLY public.notification_channels
    ADD CONSTRAINT notification_channels_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.notification_channels
    ADD CONSTRAINT notification_channels_organization_id_member_id_fkey FOREIGN KEY (organization_id, member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.notification_deliveries
    ADD CONSTRAINT notification_deliveries_organization_id_event_id_fkey FOREIGN KEY (organization_id, event_id) REFERENCES public.alert_events(organization_id, event_id);

ALTER TABLE ONLY public.notification_deliveries
    ADD CONSTRAINT notification_deliveries_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.notification_rules
    ADD CONSTRAINT notification_rules_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.notification_rules
    ADD CONSTRAINT notification_rules_organization_id_overrides_rule_id_fkey FOREIGN KEY (organization_id, overrides_rule_id) REFERENCES public.notification_rules(organization_id, rule_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.open_incidents
    ADD CONSTRAINT open_incidents_organization_id_channel_id_fkey FOREIGN KEY (organization_id, channel_id) REFERENCES public.notification_channels(organization_id, channel_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.open_incidents
    ADD CONSTRAINT open_incidents_organization_id_event_id_fkey FOREIGN KEY (organization_id, event_id) REFERENCES public.alert_events(organization_id, event_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.open_incidents
    ADD CONSTRAINT open_incidents_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.operator_audit_log
    ADD CONSTRAINT operator_audit_log_concerned_organization_id_fkey FOREIGN KEY (concerned_organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.operator_audit_log
    ADD CONSTRAINT operator_audit_log_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.organization_provider_credentials
    ADD CONSTRAINT organization_provider_credentials_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.organization_provider_credentials
    ADD CONSTRAINT organization_provider_credentials_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES public.providers(provider_id);

ALTER TABLE ONLY public.outbox_messages
    ADD CONSTRAINT outbox_messages_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.price_versions
    ADD CONSTRAINT price_versions_model_name_fkey FOREIGN KEY (model_name) REFERENCES public.models(model_name);

ALTER TABLE ONLY public.provider_credentials
    ADD CONSTRAINT provider_credentials_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES public.providers(provider_id);

ALTER TABLE ONLY public.refused_calls
    ADD CONSTRAINT refused_calls_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.request_replays
    ADD CONSTRAINT request_replays_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.routing_policies
    ADD CONSTRAINT routing_policies_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.routing_returns
    ADD CONSTRAINT routing_returns_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.scim_group_members
    ADD CONSTRAINT scim_group_members_organization_id_group_id_fkey FOREIGN KEY (organization_id, group_id) REFERENCES public.scim_groups(organization_id, group_id);

ALTER TABLE ONLY public.scim_group_members
    ADD CONSTRAINT scim_group_members_organization_id_member_id_fkey FOREIGN KEY (organization_id, member_id) REFERENCES public.scim_users(organization_id, member_id);

ALTER TABLE ONLY public.scim_groups
    ADD CONSTRAINT scim_groups_organization_id_group_id_fkey FOREIGN KEY (organization_id, group_id) REFERENCES public.groups(organization_id, group_id);

ALTER TABLE ONLY public.scim_users
    ADD CONSTRAINT scim_users_organization_id_member_id_fkey FOREIGN KEY (organization_id, member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_access_token_id_fkey FOREIGN KEY (access_token_id) REFERENCES public.access_tokens(access_token_id);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_maker_user_id_fkey FOREIGN KEY (maker_user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_organization_id_maker_member_id_fkey FOREIGN KEY (organization_id, maker_member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.sign_in_links
    ADD CONSTRAINT sign_in_links_organization_id_member_id_fkey FOREIGN KEY (organization_id, member_id) REFERENCES public.members(organization_id, member_id);

ALTER TABLE ONLY public.standing_positions
    ADD CONSTRAINT standing_positions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.top_up_requests
    ADD CONSTRAINT top_up_requests_decider_user_id_fkey FOREIGN KEY (decider_user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.top_up_requests
    ADD CONSTRAINT top_up_requests_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.top_up_requests
    ADD CONSTRAINT top_up_requests_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.usage_anomalies
    ADD CONSTRAINT usage_anomalies_organization_id_explained_by_fkey FOREIGN KEY (organization_id, explained_by) REFERENCES public.usage_anomalies(organization_id, anomaly_id);

ALTER TABLE ONLY public.usage_anomalies
    ADD CONSTRAINT usage_anomalies_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.usage_corrections
    ADD CONSTRAINT usage_corrections_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.usage_records(hold_id);

ALTER TABLE ONLY public.usage_export_parts
    ADD CONSTRAINT usage_export_parts_organization_id_export_id_fkey FOREIGN KEY (organization_id, export_id) REFERENCES public.usage_exports(organization_id, export_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.usage_exports
    ADD CONSTRAINT usage_exports_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.usage_findings
    ADD CONSTRAINT usage_findings_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.usage_records(hold_id);

ALTER TABLE ONLY public.usage_names
    ADD CONSTRAINT usage_names_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.usage_quarantine
    ADD CONSTRAINT usage_quarantine_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.usage_records(hold_id);

ALTER TABLE ONLY public.usage_rollups
    ADD CONSTRAINT usage_rollups_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.user_identities
    ADD CONSTRAINT user_identities_only_organization_id_fkey FOREIGN KEY (only_organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.user_identities
    ADD CONSTRAINT user_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_current_organization_id_fkey FOREIGN KEY (current_organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_personal_organization_id_fkey FOREIGN KEY (personal_organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE ONLY public.virtual_models
    ADD CONSTRAINT virtual_models_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES public.organizations(organization_id);

ALTER TABLE public.account_refusals ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.alert_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.alert_lags ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.alert_positions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.alert_states ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.analysis_settings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.anomaly_positions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.anomaly_scopes ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.anomaly_verdicts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

CREATE POLICY audit_reads ON public.account_refusals FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.alert_events FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.alert_lags FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.alert_positions FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.alert_states FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.analysis_settings FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.anomaly_positions FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.anomaly_scopes FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.anomaly_verdicts FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.api_keys FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.audit_log FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.budget_carries FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.budget_events FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.call_ratings FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.claim_mappings FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.claim_memberships FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.credentials FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.credit_grants FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.credit_lines FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.delivery_attempts FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.export_schedules FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.groups FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.guardrail_defaults FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.guardrails FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.held_alerts FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.holds FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.identity_revisions FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.inbox_entries FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.invites FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.invoice_requests FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.key_counts FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.ledger_accounts FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.ledger_heads FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.ledger_transfers FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.mail_preferences FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.members FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.notification_channels FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.notification_deliveries FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.notification_rules FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.open_incidents FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.organization_provider_credentials FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.organizations FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.outbox_messages FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.refused_calls FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.routed_calls FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.routing_policies FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.routing_returns FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.scim_group_members FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.scim_groups FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.scim_users FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.scope_spend FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.sign_in_links FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.standing_positions FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.standings FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.stored_objects FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.top_up_requests FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_anomalies FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_corrections FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_days FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_discrepancies FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_export_parts FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_exports FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_findings FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_hours FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_member_numbers FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_member_sets FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_months FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_names FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_quarantine FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_records FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_rollups FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_running_totals FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_tag_days FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_tagged_hours FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.usage_year_totals FOR SELECT TO megarouter_audit USING (true);

CREATE POLICY audit_reads ON public.virtual_models FOR SELECT TO megarouter_audit USING (true);

ALTER TABLE public.budget_carries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.budget_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.call_ratings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.claim_mappings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.claim_memberships ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credentials ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credit_grants ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credit_lines ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.delivery_attempts ENABLE ROW LEVEL SECURITY;

CREATE POLICY every_organization_lock ON public.account_refusals FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.alert_events FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.alert_lags FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.alert_positions FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.alert_states FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.analysis_settings FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.anomaly_positions FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.anomaly_scopes FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.anomaly_verdicts FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.api_keys FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.audit_log FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.budget_carries FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.budget_events FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.call_ratings FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.claim_mappings FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.claim_memberships FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.credentials FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.credit_grants FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.credit_lines FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.delivery_attempts FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.export_schedules FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.groups FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.guardrail_defaults FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.guardrails FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.held_alerts FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.holds FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.identity_revisions FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.inbox_entries FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.invites FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.invoice_requests FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.key_counts FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.ledger_accounts FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.ledger_heads FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.ledger_transfers FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.mail_preferences FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.members FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.notification_channels FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.notification_deliveries FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.notification_rules FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.open_incidents FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.organization_provider_credentials FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.organizations FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.outbox_messages FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.refused_calls FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.routed_calls FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.routing_policies FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.routing_returns FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.scim_group_members FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.scim_groups FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.scim_users FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.scope_spend FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.sign_in_links FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.standing_positions FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.standings FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.stored_objects FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.top_up_requests FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_anomalies FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_corrections FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_days FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_discrepancies FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_export_parts FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_exports FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_findings FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_hours FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_member_numbers FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_member_sets FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_months FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_names FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_quarantine FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_records FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_rollups FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_running_totals FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_tag_days FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_tagged_hours FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.usage_year_totals FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_lock ON public.virtual_models FOR UPDATE TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text)) WITH CHECK (false);

CREATE POLICY every_organization_read ON public.account_refusals FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.alert_events FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.alert_lags FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.alert_positions FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.alert_states FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.analysis_settings FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.anomaly_positions FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.anomaly_scopes FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.anomaly_verdicts FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.api_keys FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.audit_log FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.budget_carries FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.budget_events FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.call_ratings FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.claim_mappings FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.claim_memberships FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.credentials FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.credit_grants FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.credit_lines FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.delivery_attempts FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.export_schedules FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.groups FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.guardrail_defaults FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.guardrails FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.held_alerts FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.holds FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.identity_revisions FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.inbox_entries FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.invites FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.invoice_requests FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.key_counts FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.ledger_accounts FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.ledger_heads FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.ledger_transfers FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.mail_preferences FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.members FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.notification_channels FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.notification_deliveries FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.notification_rules FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.open_incidents FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.organization_provider_credentials FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.organizations FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.outbox_messages FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.refused_calls FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.routed_calls FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.routing_policies FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.routing_returns FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.scim_group_members FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.scim_groups FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.scim_users FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.scope_spend FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.sign_in_links FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.standing_positions FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.standings FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.stored_objects FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.top_up_requests FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_anomalies FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_corrections FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_days FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_discrepancies FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_export_parts FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_exports FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_findings FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_hours FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_member_numbers FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_member_sets FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_months FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_names FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_quarantine FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_records FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_rollups FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_running_totals FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_tag_days FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_tagged_hours FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.usage_year_totals FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

CREATE POLICY every_organization_read ON public.virtual_models FOR SELECT TO megarouter_usage USING ((( SELECT current_setting('megarouter.organizations'::text, true) AS current_setting) = '*'::text));

ALTER TABLE public.export_schedules ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.groups ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.guardrail_defaults ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.guardrails ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.held_alerts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.holds ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.identity_revisions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.inbox_entries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.invites ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.invoice_requests ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_counts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.ledger_accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.ledger_heads ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.ledger_transfers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.mail_preferences ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.notification_channels ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.notification_deliveries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.notification_rules ENABLE ROW LEVEL SECURITY;

CREATE POLICY notification_wall ON public.alert_events TO megarouter_notification USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY notification_wall ON public.delivery_attempts TO megarouter_notification USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY notification_wall ON public.invoice_requests TO megarouter_notification USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY notification_wall ON public.notification_channels TO megarouter_notification USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY notification_wall ON public.notification_deliveries TO megarouter_notification USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY notification_wall ON public.organizations TO megarouter_notification USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY notification_wall ON public.outbox_messages TO megarouter_notification USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

ALTER TABLE public.open_incidents ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.organization_provider_credentials ENABLE ROW LEVEL SECURITY;

CREATE POLICY organization_wall ON public.account_refusals TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.alert_events TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.alert_lags TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.alert_positions TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.alert_states TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.analysis_settings TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.anomaly_positions TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.anomaly_scopes TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.anomaly_verdicts TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.api_keys TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.audit_log TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.budget_carries TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.budget_events TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.call_ratings TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.claim_mappings TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.claim_memberships TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.credentials TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.credit_grants TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.credit_lines TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.delivery_attempts TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.export_schedules TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.groups TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.guardrail_defaults TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.guardrails TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.held_alerts TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.holds TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.identity_revisions TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.inbox_entries TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.invites TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.invoice_requests TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.key_counts TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.ledger_accounts TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.ledger_heads TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.ledger_transfers TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.mail_preferences TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.members TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.notification_channels TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.notification_deliveries TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.notification_rules TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.open_incidents TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.organization_provider_credentials TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.organizations TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.outbox_messages TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.refused_calls TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.routed_calls TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.routing_policies TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.routing_returns TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.scim_group_members TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.scim_groups TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.scim_users TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.scope_spend TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.sign_in_links TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.standing_positions TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.standings TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.stored_objects TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.top_up_requests TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_anomalies TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_corrections TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_days TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_discrepancies TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_export_parts TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_exports TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_findings TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_hours TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_member_numbers TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_member_sets TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_months TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_names TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_quarantine TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_records TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_rollups TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_running_totals TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_tag_days TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_tagged_hours TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.usage_year_totals TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

CREATE POLICY organization_wall ON public.virtual_models TO megarouter_admin, megarouter_authz, megarouter_usage USING ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[]))) WITH CHECK ((organization_id = ANY (( SELECT string_to_array(current_setting('megarouter.organizations'::text, true), ','::text) AS string_to_array)::text[])));

ALTER TABLE public.organizations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.outbox_messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.refused_calls ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.routed_calls ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.routing_policies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.routing_returns ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.scim_group_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.scim_groups ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.scim_users ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.scope_spend ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sign_in_links ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.standing_positions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.standings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.stored_objects ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.top_up_requests ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_anomalies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_corrections ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_discrepancies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_export_parts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_exports ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_findings ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_hours ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_member_numbers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_member_sets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_months ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_names ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_quarantine ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_records ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_rollups ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_running_totals ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_tag_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_tagged_hours ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.usage_year_totals ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.virtual_models ENABLE ROW LEVEL SECURITY;

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO megarouter_authz;
GRANT USAGE ON SCHEMA public TO megarouter_usage;
GRANT USAGE ON SCHEMA public TO megarouter_admin;
GRANT USAGE ON SCHEMA public TO megarouter_notification;
GRANT USAGE ON SCHEMA public TO megarouter_audit;

REVOKE ALL ON FUNCTION public.address_of_mailed_member(organization text, channel text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.address_of_mailed_member(organization text, channel text) TO megarouter_notification;

REVOKE ALL ON FUNCTION public.after_every_id() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.begin_carries() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.begin_standings_of_keys() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.begin_standings_of_members() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.bounds_now(bounds jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.bounds_now(bounds jsonb) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.budget_of_counter(counter text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.budget_of_counter(counter text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.carried_of(organization text, base bigint, cap bigint, previous text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.carried_of(organization text, base bigint, cap bigint, previous text) TO megarouter_usage;
GRANT ALL ON FUNCTION public.carried_of(organization text, base bigint, cap bigint, previous text) TO megarouter_admin;

GRANT SELECT ON TABLE public.guardrails TO megarouter_usage;
GRANT SELECT,INSERT,UPDATE ON TABLE public.guardrails TO megarouter_admin;
GRANT SELECT ON TABLE public.guardrails TO megarouter_audit;

REVOKE ALL ON FUNCTION public.carries_over(r public.guardrails) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.carry_spend_over() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.carry_terms(organization text, of_counter text, of_previous text, in_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.carry_terms(organization text, of_counter text, of_previous text, in_zone text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.channels_with_deliveries_due(most integer, moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.channels_with_deliveries_due(most integer, moment timestamp with time zone) TO megarouter_notification;

REVOKE ALL ON FUNCTION public.count_keys() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.counter_name(kind text, id text, cycle text, start timestamp with time zone, revision bigint, models text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.counter_name(kind text, id text, cycle text, start timestamp with time zone, revision bigint, models text) TO megarouter_usage;
GRANT ALL ON FUNCTION public.counter_name(kind text, id text, cycle text, start timestamp with time zone, revision bigint, models text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.counters_of_changed_guardrails(organization text, since timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.counters_of_changed_guardrails(organization text, since timestamp with time zone) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.create_first_rule() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.credential_of_secret(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.credential_of_secret(hash bytea) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.cycle_start(cycle text, time_zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.cycle_start(cycle text, time_zone text) TO megarouter_usage;
GRANT ALL ON FUNCTION public.cycle_start(cycle text, time_zone text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.cycle_start_at(cycle text, time_zone text, instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.cycle_start_at(cycle text, time_zone text, instant timestamp with time zone) TO megarouter_usage;
GRANT ALL ON FUNCTION public.cycle_start_at(cycle text, time_zone text, instant timestamp with time zone) TO megarouter_admin;
GRANT ALL ON FUNCTION public.cycle_start_at(cycle text, time_zone text, instant timestamp with time zone) TO megarouter_audit;

REVOKE ALL ON FUNCTION public.deliveries_waiting() FROM PUBLIC;
GRANT ALL ON FUNCTION public.deliveries_waiting() TO megarouter_notification;

REVOKE ALL ON PROCEDURE public.divide_by_organization(IN divided regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.drop_usage_hours(before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_usage_hours(before timestamp with time zone) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.encoded_models(models text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.encoded_models(models text) TO megarouter_usage;
GRANT ALL ON FUNCTION public.encoded_models(models text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.end_personal_channel() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.end_stored_object(of_organization text, of_member text, of_provider text, of_kind text, of_object_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.end_stored_object(of_organization text, of_member text, of_provider text, of_kind text, of_object_id text) TO megarouter_authz;

REVOKE ALL ON FUNCTION public.export_schedules_due(at timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.export_schedules_due(at timestamp with time zone, most integer) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.forget_alerts(before timestamp with time zone, at_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.forget_alerts(before timestamp with time zone, at_most integer) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.forget_expired_objects(at_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.forget_expired_objects(at_most integer) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.forget_scim_suspension() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.hashes_of_keys_used_lately(entries bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.hashes_of_keys_used_lately(entries bigint) TO megarouter_authz;

REVOKE ALL ON FUNCTION public.identity_of_key(key_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.identity_of_key(key_hash bytea) TO megarouter_authz;
GRANT ALL ON FUNCTION public.identity_of_key(key_hash bytea) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.identity_revisions_of(organizations text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.identity_revisions_of(organizations text[]) TO megarouter_authz;
GRANT ALL ON FUNCTION public.identity_revisions_of(organizations text[]) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.invite_of_token(token_hash bytea, caller text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.invite_of_token(token_hash bytea, caller text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.is_switched_off(organization text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.is_switched_off(organization text) TO megarouter_authz;
GRANT ALL ON FUNCTION public.is_switched_off(organization text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.is_without_another_organization(of_user text, than text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.kept_carry(r public.guardrails, own_budget bigint, former_revision bigint, former text, time_zone text, start timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.last_use_of_api_key(organization text, of_api_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.last_use_of_api_key(organization text, of_api_key text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.limit_of_counter(organization text, of_counter text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.limit_of_counter(organization text, of_counter text) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.local_hour(instant timestamp with time zone, zone text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.local_hour(instant timestamp with time zone, zone text) TO megarouter_usage;
GRANT ALL ON FUNCTION public.local_hour(instant timestamp with time zone, zone text) TO megarouter_audit;

REVOKE ALL ON FUNCTION public.mail_channels(organization text, members text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mail_channels(organization text, members text[]) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.mark_carries() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.mark_soft_budgets() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.match_ratings() FROM PUBLIC;
GRANT ALL ON FUNCTION public.match_ratings() TO megarouter_usage;

REVOKE ALL ON FUNCTION public.member_intersection(one bit varying, other bit varying) FROM PUBLIC;
GRANT ALL ON FUNCTION public.member_intersection(one bit varying, other bit varying) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.member_union(one bit varying, other bit varying) FROM PUBLIC;
GRANT ALL ON FUNCTION public.member_union(one bit varying, other bit varying) TO megarouter_usage;
GRANT ALL ON FUNCTION public.member_union(one bit varying, other bit varying) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.messages_waiting() FROM PUBLIC;
GRANT ALL ON FUNCTION public.messages_waiting() TO megarouter_notification;

REVOKE ALL ON FUNCTION public.model_budgets_of(r public.guardrails) FROM PUBLIC;
GRANT ALL ON FUNCTION public.model_budgets_of(r public.guardrails) TO megarouter_usage;
GRANT ALL ON FUNCTION public.model_budgets_of(r public.guardrails) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.more_limits_of(temporary_limit jsonb, soft_budget jsonb, model_budgets jsonb, rollover jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.more_limits_of(temporary_limit jsonb, soft_budget jsonb, model_budgets jsonb, rollover jsonb) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.my_accounts() FROM PUBLIC;
GRANT ALL ON FUNCTION public.my_accounts() TO megarouter_admin;

REVOKE ALL ON FUNCTION public.note_pepper() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.note_previous_pepper() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.note_usage_name(of_organization text, of_kind text, of_id text, name text, path text[], deleted boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.note_usage_name_of_row() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.notify_catalog_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.notify_deployment_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.notify_identity_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.open_carry(organization text, of_counter text, of_previous text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.open_carry(organization text, of_counter text, of_previous text) TO megarouter_authz;

REVOKE ALL ON FUNCTION public.open_ledger() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.open_usage_month(instant timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.open_usage_month(instant timestamp with time zone) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.organization_summaries(only_organization text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.organization_summaries(only_organization text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.organization_summaries_beyond(last_organization text, most bigint, descending boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.organization_summaries_beyond(last_organization text, most bigint, descending boolean) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.organizations_of_claims(by_issuer text, claims text[], claim_values text[], only_user text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.organizations_of_claims(by_issuer text, claims text[], claim_values text[], only_user text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.organizations_of_user(only_user text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.organizations_of_user(only_user text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.organizations_with_messages_due(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.organizations_with_messages_due(most integer) TO megarouter_notification;

REVOKE ALL ON FUNCTION public.own_credentials_of(organization text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.own_credentials_of(organization text) TO megarouter_authz;
GRANT ALL ON FUNCTION public.own_credentials_of(organization text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.periods_between(cycle text, first date, other date) FROM PUBLIC;
GRANT ALL ON FUNCTION public.periods_between(cycle text, first date, other date) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.place_api_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.place_api_keys_of_member() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.place_invite() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.place_invites_of_group() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.place_member() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.place_members_of_group() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.place_standing() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.present_carry(organization text, of_kind text, of_id text, of_models text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.present_carry(organization text, of_kind text, of_id text, of_models text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.present_counters(organization text, of_kind text, of_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.present_counters(organization text, of_kind text, of_id text) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.present_model_use(organization text, of_kind text, of_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.present_model_use(organization text, of_kind text, of_id text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.present_pepper() FROM PUBLIC;
GRANT ALL ON FUNCTION public.present_pepper() TO megarouter_admin;

REVOKE ALL ON FUNCTION public.present_spend(text, text, text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.present_spend(text, text, text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.present_standing(organization text, of_kind text, of_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.present_use(organization text, of_kind text, of_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.present_use(organization text, of_kind text, of_id text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.provider_health() FROM PUBLIC;
GRANT ALL ON FUNCTION public.provider_health() TO megarouter_usage;

REVOKE ALL ON FUNCTION public.provider_outcomes() FROM PUBLIC;
GRANT ALL ON FUNCTION public.provider_outcomes() TO megarouter_admin;

REVOKE ALL ON FUNCTION public.purge_deleted_organization(at_most integer, OUT organization_id text, OUT has_ended boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.purge_deleted_organization(at_most integer, OUT organization_id text, OUT has_ended boolean) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.purged_tables() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.rate_call(of_organization text, of_member text, of_request text, given text, given_reason text, may_wait boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rate_call(of_organization text, of_member text, of_request text, given text, given_reason text, may_wait boolean) TO megarouter_authz;

REVOKE ALL ON FUNCTION public.record_carries(r public.guardrails, time_zone text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.record_carries_before_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.recorded_carry(organization text, of_counter text, of_previous text, in_zone text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_audit_log_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.rehash_api_key(old_hash bytea, new_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rehash_api_key(old_hash bytea, new_hash bytea) TO megarouter_authz;

REVOKE ALL ON FUNCTION public.remove_standing() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.replace_unknown_attempt() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.reports_budgets(r public.guardrails) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.reseal_own_credential(of_credential text, before bytea, again bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.reseal_own_credential(of_credential text, before bytea, again bytea) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.restart_cycles() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.restart_standing() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.revise_all_identities() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.revise_identities(organization text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.revise_identities_of_row() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.revised_model_budgets(old_budgets jsonb, new_budgets jsonb, restarted boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.rollover_budgets(r public.guardrails) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rollover_budgets(r public.guardrails) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.routing_of(organization text, path text[], of_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.routing_of(organization text, path text[], of_key text) TO megarouter_authz;
GRANT ALL ON FUNCTION public.routing_of(organization text, path text[], of_key text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.sealed_channels(after_organization text, after_channel text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sealed_channels(after_organization text, after_channel text, most integer) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.sealed_own_credentials() FROM PUBLIC;
GRANT ALL ON FUNCTION public.sealed_own_credentials() TO megarouter_admin;

REVOKE ALL ON FUNCTION public.secrets_of_other_peppers(wanted text) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.set_cycle_revision() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.set_update_time() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.shared_export_of_secret(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.shared_export_of_secret(hash bytea) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.sign_in_link_of_secret(hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.sign_in_link_of_secret(hash bytea) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb) TO megarouter_usage;
GRANT ALL ON FUNCTION public.soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb, carried bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.soft_threshold(soft_budget jsonb, budget bigint, temporary_limit jsonb, carried bigint) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.stored_objects_of(of_organization text, of_member text, of_provider text, kinds text[], object_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.stored_objects_of(of_organization text, of_member text, of_provider text, kinds text[], object_ids text[]) TO megarouter_authz;

REVOKE ALL ON FUNCTION public.temporary_limit_now(temporary_limit jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.temporary_limit_now(temporary_limit jsonb) TO megarouter_usage;
GRANT ALL ON FUNCTION public.temporary_limit_now(temporary_limit jsonb) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.threshold_of_counter(r public.guardrails, of_counter text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.threshold_of_counter(r public.guardrails, of_counter text) TO megarouter_usage;

REVOKE ALL ON FUNCTION public.top_up_requests_beyond(last_request text, most bigint, descending boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.top_up_requests_beyond(last_request text, most bigint, descending boolean) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.unpacked(packed text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.unpacked(packed text) TO megarouter_authz;
GRANT ALL ON FUNCTION public.unpacked(packed text) TO megarouter_usage;
GRANT ALL ON FUNCTION public.unpacked(packed text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.usage_exports_expired(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.usage_exports_expired(most integer) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.usage_exports_waiting(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.usage_exports_waiting(most integer) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.use_credit_line() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.used_of(organization text, of_counter text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.used_of(organization text, of_counter text) TO megarouter_usage;
GRANT ALL ON FUNCTION public.used_of(organization text, of_counter text) TO megarouter_admin;

REVOKE ALL ON FUNCTION public.bigint_sum(bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.bigint_sum(bigint) TO megarouter_usage;
GRANT ALL ON FUNCTION public.bigint_sum(bigint) TO megarouter_admin;
GRANT ALL ON FUNCTION public.bigint_sum(bigint) TO megarouter_audit;

REVOKE ALL ON FUNCTION public.member_union(bit varying) FROM PUBLIC;
GRANT ALL ON FUNCTION public.member_union(bit varying) TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.access_tokens TO megarouter_admin;

GRANT UPDATE(secret_hash) ON TABLE public.access_tokens TO megarouter_admin;

GRANT UPDATE(obfuscated_token) ON TABLE public.access_tokens TO megarouter_admin;

GRANT UPDATE(expire_time) ON TABLE public.access_tokens TO megarouter_admin;

GRANT UPDATE(revoke_time) ON TABLE public.access_tokens TO megarouter_admin;

GRANT UPDATE(may_operate) ON TABLE public.access_tokens TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.account_refusals TO megarouter_usage;

GRANT UPDATE(reason) ON TABLE public.account_refusals TO megarouter_usage;

GRANT UPDATE(ledger_sequence) ON TABLE public.account_refusals TO megarouter_usage;

GRANT UPDATE(hold_id) ON TABLE public.account_refusals TO megarouter_usage;

GRANT UPDATE(update_time) ON TABLE public.account_refusals TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.alert_events TO megarouter_usage;
GRANT SELECT,INSERT ON TABLE public.alert_events TO megarouter_admin;
GRANT SELECT ON TABLE public.alert_events TO megarouter_notification;

GRANT SELECT,INSERT,DELETE ON TABLE public.alert_lags TO megarouter_usage;

GRANT UPDATE(failure_count) ON TABLE public.alert_lags TO megarouter_usage;

GRANT UPDATE(retry_time) ON TABLE public.alert_lags TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.alert_positions TO megarouter_usage;

GRANT UPDATE(sequence) ON TABLE public.alert_positions TO megarouter_usage;

GRANT UPDATE(changes_until) ON TABLE public.alert_positions TO megarouter_usage;

GRANT UPDATE(audit_sequence) ON TABLE public.alert_positions TO megarouter_usage;

GRANT UPDATE(looked_until) ON TABLE public.alert_positions TO megarouter_usage;

GRANT UPDATE(next_look_time) ON TABLE public.alert_positions TO megarouter_usage;

GRANT UPDATE(audit_seen) ON TABLE public.alert_positions TO megarouter_usage;

GRANT SELECT,INSERT,DELETE ON TABLE public.alert_states TO megarouter_usage;

GRANT UPDATE(epoch) ON TABLE public.alert_states TO megarouter_usage;

GRANT UPDATE(is_reached) ON TABLE public.alert_states TO megarouter_usage;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.analysis_settings TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.anomaly_positions TO megarouter_usage;

GRANT SELECT,INSERT,UPDATE ON TABLE public.anomaly_scopes TO megarouter_usage;

GRANT SELECT ON TABLE public.anomaly_verdicts TO megarouter_usage;
GRANT SELECT,INSERT,UPDATE ON TABLE public.anomaly_verdicts TO megarouter_admin;

GRANT SELECT ON TABLE public.scope_spend TO megarouter_authz;
GRANT SELECT,INSERT ON TABLE public.scope_spend TO megarouter_usage;
GRANT SELECT ON TABLE public.scope_spend TO megarouter_admin;
GRANT SELECT ON TABLE public.scope_spend TO megarouter_audit;

GRANT UPDATE(settled_nano_credits) ON TABLE public.scope_spend TO megarouter_usage;

GRANT UPDATE(call_count) ON TABLE public.scope_spend TO megarouter_usage;

GRANT UPDATE(shadow_refusal_count) ON TABLE public.scope_spend TO megarouter_usage;

GRANT UPDATE(last_use_time) ON TABLE public.scope_spend TO megarouter_usage;

GRANT SELECT ON TABLE public.api_key_usage TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_keys TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.api_keys TO megarouter_usage;
GRANT SELECT(organization_id) ON TABLE public.api_keys TO megarouter_audit;

GRANT SELECT(api_key_id) ON TABLE public.api_keys TO megarouter_usage;
GRANT SELECT(api_key_id) ON TABLE public.api_keys TO megarouter_audit;

GRANT SELECT(member_id) ON TABLE public.api_keys TO megarouter_usage;
GRANT SELECT(member_id) ON TABLE public.api_keys TO megarouter_audit;

GRANT SELECT(group_path) ON TABLE public.api_keys TO megarouter_usage;
GRANT SELECT(group_path) ON TABLE public.api_keys TO megarouter_audit;

GRANT SELECT(display_name) ON TABLE public.api_keys TO megarouter_usage;

GRANT SELECT(state) ON TABLE public.api_keys TO megarouter_usage;
GRANT SELECT(state) ON TABLE public.api_keys TO megarouter_audit;

GRANT SELECT(expire_time) ON TABLE public.api_keys TO megarouter_usage;

GRANT SELECT(create_time) ON TABLE public.api_keys TO megarouter_usage;

GRANT SELECT(update_time) ON TABLE public.api_keys TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.audit_log TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(sequence) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(create_time) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(user_id) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(member_id) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(role) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(method) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(resource_name) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(group_path) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(before) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(after) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT(refusal) ON TABLE public.audit_log TO megarouter_usage;

GRANT SELECT ON TABLE public.budget_carries TO megarouter_usage;
GRANT SELECT ON TABLE public.budget_carries TO megarouter_admin;
GRANT SELECT ON TABLE public.budget_carries TO megarouter_audit;

GRANT SELECT ON TABLE public.budget_events TO megarouter_usage;
GRANT SELECT ON TABLE public.budget_events TO megarouter_admin;

GRANT INSERT(organization_id) ON TABLE public.budget_events TO megarouter_usage;

GRANT INSERT(counter) ON TABLE public.budget_events TO megarouter_usage;

GRANT INSERT(threshold_nano_credits) ON TABLE public.budget_events TO megarouter_usage;

GRANT INSERT(spent_nano_credits) ON TABLE public.budget_events TO megarouter_usage;

GRANT UPDATE(deliver_time) ON TABLE public.budget_events TO megarouter_admin;

GRANT SELECT ON TABLE public.call_ratings TO megarouter_usage;
GRANT SELECT ON TABLE public.call_ratings TO megarouter_admin;
GRANT SELECT ON TABLE public.call_ratings TO megarouter_audit;

GRANT SELECT ON TABLE public.catalog_virtual_models TO megarouter_authz;
GRANT SELECT ON TABLE public.catalog_virtual_models TO megarouter_usage;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.catalog_virtual_models TO megarouter_admin;
GRANT SELECT ON TABLE public.catalog_virtual_models TO megarouter_audit;

GRANT SELECT,INSERT,DELETE ON TABLE public.claim_mappings TO megarouter_admin;

GRANT SELECT,INSERT,DELETE ON TABLE public.claim_memberships TO megarouter_admin;

GRANT UPDATE(role) ON TABLE public.claim_memberships TO megarouter_admin;

GRANT UPDATE(group_id) ON TABLE public.claim_memberships TO megarouter_admin;

GRANT UPDATE(base_role) ON TABLE public.claim_memberships TO megarouter_admin;

GRANT UPDATE(base_group_id) ON TABLE public.claim_memberships TO megarouter_admin;

GRANT UPDATE(is_overridden) ON TABLE public.claim_memberships TO megarouter_admin;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.configuration_answers TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.configuration_versions TO megarouter_admin;

GRANT UPDATE(refusal) ON TABLE public.configuration_versions TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(display_name) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(permissions) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(secret_hash) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(obfuscated_secret) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(previous_secret_hash) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(previous_expire_time) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(expire_time) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(revoke_time) ON TABLE public.credentials TO megarouter_admin;

GRANT UPDATE(update_time) ON TABLE public.credentials TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.credit_grants TO megarouter_admin;
GRANT SELECT ON TABLE public.credit_grants TO megarouter_audit;

GRANT SELECT ON TABLE public.credit_lines TO megarouter_admin;
GRANT SELECT ON TABLE public.credit_lines TO megarouter_audit;

GRANT UPDATE(line_nano_credits) ON TABLE public.credit_lines TO megarouter_admin;

GRANT UPDATE(user_id) ON TABLE public.credit_lines TO megarouter_admin;

GRANT UPDATE(update_time) ON TABLE public.credit_lines TO megarouter_admin;

GRANT SELECT ON TABLE public.delivery_attempts TO megarouter_admin;
GRANT SELECT,INSERT ON TABLE public.delivery_attempts TO megarouter_notification;

GRANT SELECT ON TABLE public.deployment_settings TO megarouter_admin;
GRANT SELECT ON TABLE public.deployment_settings TO megarouter_notification;

GRANT UPDATE(personal_accounts) ON TABLE public.deployment_settings TO megarouter_admin;

GRANT UPDATE(update_time) ON TABLE public.deployment_settings TO megarouter_admin;

GRANT UPDATE(sends_mail) ON TABLE public.deployment_settings TO megarouter_notification;

GRANT SELECT,INSERT,DELETE ON TABLE public.export_schedules TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.export_schedules TO megarouter_usage;

GRANT SELECT(schedule_id) ON TABLE public.export_schedules TO megarouter_usage;

GRANT UPDATE(role) ON TABLE public.export_schedules TO megarouter_admin;

GRANT SELECT(display_name) ON TABLE public.export_schedules TO megarouter_usage;
GRANT UPDATE(display_name) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(request) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(period) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(cadence) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(weekday) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(day_of_month) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(hour) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(pause_reason) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(due_after) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(next_run_time) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(time_zone) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(last_run_time) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(last_export_id) ON TABLE public.export_schedules TO megarouter_admin;

GRANT UPDATE(update_time) ON TABLE public.export_schedules TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.groups TO megarouter_admin;
GRANT SELECT ON TABLE public.groups TO megarouter_audit;

GRANT SELECT(organization_id) ON TABLE public.groups TO megarouter_usage;

GRANT SELECT(group_id) ON TABLE public.groups TO megarouter_usage;

GRANT SELECT(path) ON TABLE public.groups TO megarouter_usage;

GRANT SELECT(display_name) ON TABLE public.groups TO megarouter_usage;

GRANT SELECT,INSERT,UPDATE ON TABLE public.guardrail_defaults TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.held_alerts TO megarouter_usage;

GRANT UPDATE(frequency) ON TABLE public.held_alerts TO megarouter_usage;

GRANT UPDATE(quiet_hours) ON TABLE public.held_alerts TO megarouter_usage;

GRANT UPDATE(send_time) ON TABLE public.held_alerts TO megarouter_usage;

GRANT UPDATE(released_event_id) ON TABLE public.held_alerts TO megarouter_usage;

GRANT UPDATE(release_time) ON TABLE public.held_alerts TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.holds TO megarouter_authz;
GRANT SELECT,INSERT ON TABLE public.holds TO megarouter_usage;
GRANT SELECT ON TABLE public.holds TO megarouter_admin;
GRANT SELECT ON TABLE public.holds TO megarouter_audit;

GRANT UPDATE(token) ON TABLE public.holds TO megarouter_usage;

GRANT UPDATE(state) ON TABLE public.holds TO megarouter_usage;

GRANT UPDATE(resolve_time) ON TABLE public.holds TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.inbox_entries TO megarouter_usage;
GRANT SELECT ON TABLE public.inbox_entries TO megarouter_admin;

GRANT UPDATE(acknowledge_time) ON TABLE public.inbox_entries TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.invites TO megarouter_admin;

GRANT UPDATE(group_path) ON TABLE public.invites TO megarouter_admin;

GRANT UPDATE(use_count) ON TABLE public.invites TO megarouter_admin;

GRANT UPDATE(revoke_time) ON TABLE public.invites TO megarouter_admin;

GRANT UPDATE(update_time) ON TABLE public.invites TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.invoice_requests TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(invoice_request_id) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(currency_code) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(amount_units) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(amount_nanos) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(credit_nano_credits) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(note) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(state),UPDATE(state) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT(create_time) ON TABLE public.invoice_requests TO megarouter_notification;

GRANT SELECT,INSERT ON TABLE public.journal_offsets TO megarouter_usage;
GRANT SELECT ON TABLE public.journal_offsets TO megarouter_audit;

GRANT UPDATE(inode) ON TABLE public.journal_offsets TO megarouter_usage;

GRANT UPDATE(byte_offset) ON TABLE public.journal_offsets TO megarouter_usage;

GRANT UPDATE(fingerprint) ON TABLE public.journal_offsets TO megarouter_usage;

GRANT UPDATE(update_time) ON TABLE public.journal_offsets TO megarouter_usage;

GRANT SELECT ON TABLE public.key_counts TO megarouter_usage;
GRANT SELECT ON TABLE public.key_counts TO megarouter_admin;
GRANT SELECT ON TABLE public.key_counts TO megarouter_audit;

GRANT SELECT ON TABLE public.ledger_accounts TO megarouter_authz;
GRANT SELECT ON TABLE public.ledger_accounts TO megarouter_usage;
GRANT SELECT ON TABLE public.ledger_accounts TO megarouter_admin;
GRANT SELECT ON TABLE public.ledger_accounts TO megarouter_audit;

GRANT UPDATE(balance_nano_credits) ON TABLE public.ledger_accounts TO megarouter_usage;
GRANT UPDATE(balance_nano_credits) ON TABLE public.ledger_accounts TO megarouter_admin;

GRANT UPDATE(sequence) ON TABLE public.ledger_accounts TO megarouter_usage;
GRANT UPDATE(sequence) ON TABLE public.ledger_accounts TO megarouter_admin;

GRANT SELECT ON TABLE public.ledger_heads TO megarouter_authz;
GRANT SELECT ON TABLE public.ledger_heads TO megarouter_usage;
GRANT SELECT ON TABLE public.ledger_heads TO megarouter_admin;
GRANT SELECT ON TABLE public.ledger_heads TO megarouter_audit;

GRANT UPDATE(sequence) ON TABLE public.ledger_heads TO megarouter_usage;
GRANT UPDATE(sequence) ON TABLE public.ledger_heads TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.ledger_transfers TO megarouter_usage;
GRANT SELECT,INSERT ON TABLE public.ledger_transfers TO megarouter_admin;
GRANT SELECT ON TABLE public.ledger_transfers TO megarouter_audit;

GRANT SELECT ON TABLE public.ledger_postings TO megarouter_admin;
GRANT SELECT ON TABLE public.ledger_postings TO megarouter_audit;

GRANT SELECT,INSERT,UPDATE ON TABLE public.listener_limits TO megarouter_admin;

GRANT SELECT ON TABLE public.mail_preferences TO megarouter_usage;
GRANT SELECT,INSERT ON TABLE public.mail_preferences TO megarouter_admin;

GRANT UPDATE(is_off) ON TABLE public.mail_preferences TO megarouter_admin;

GRANT UPDATE(event_types_off) ON TABLE public.mail_preferences TO megarouter_admin;

GRANT UPDATE(update_time) ON TABLE public.mail_preferences TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.members TO megarouter_admin;
GRANT SELECT ON TABLE public.members TO megarouter_audit;

GRANT SELECT(organization_id) ON TABLE public.members TO megarouter_usage;

GRANT SELECT(member_id) ON TABLE public.members TO megarouter_usage;

GRANT SELECT(user_id) ON TABLE public.members TO megarouter_usage;

GRANT SELECT(group_id) ON TABLE public.members TO megarouter_usage;

GRANT SELECT(group_path) ON TABLE public.members TO megarouter_usage;

GRANT SELECT(role) ON TABLE public.members TO megarouter_usage;

GRANT SELECT(state) ON TABLE public.members TO megarouter_usage;

GRANT SELECT(display_name) ON TABLE public.members TO megarouter_usage;

GRANT SELECT ON TABLE public.models TO megarouter_authz;
GRANT SELECT ON TABLE public.models TO megarouter_usage;
GRANT SELECT,INSERT,UPDATE ON TABLE public.models TO megarouter_admin;
GRANT SELECT ON TABLE public.models TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notification_channels TO megarouter_admin;
GRANT SELECT ON TABLE public.notification_channels TO megarouter_notification;

GRANT SELECT(organization_id) ON TABLE public.notification_channels TO megarouter_usage;

GRANT SELECT(channel_id) ON TABLE public.notification_channels TO megarouter_usage;

GRANT SELECT(kind) ON TABLE public.notification_channels TO megarouter_usage;

GRANT SELECT(display_name) ON TABLE public.notification_channels TO megarouter_usage;

GRANT SELECT(target_hint) ON TABLE public.notification_channels TO megarouter_usage;

GRANT SELECT(state) ON TABLE public.notification_channels TO megarouter_usage;
GRANT UPDATE(state) ON TABLE public.notification_channels TO megarouter_notification;

GRANT SELECT(disable_reason) ON TABLE public.notification_channels TO megarouter_usage;
GRANT UPDATE(disable_reason) ON TABLE public.notification_channels TO megarouter_notification;

GRANT UPDATE(failing_since) ON TABLE public.notification_channels TO megarouter_notification;

GRANT UPDATE(next_attempt_time) ON TABLE public.notification_channels TO megarouter_notification;

GRANT SELECT(member_id) ON TABLE public.notification_channels TO megarouter_usage;

GRANT SELECT(disable_time) ON TABLE public.notification_channels TO megarouter_usage;
GRANT UPDATE(disable_time) ON TABLE public.notification_channels TO megarouter_notification;

GRANT SELECT(mailed_member_id) ON TABLE public.notification_channels TO megarouter_usage;

GRANT UPDATE(bucket_time) ON TABLE public.notification_channels TO megarouter_notification;

GRANT SELECT ON TABLE public.notification_deliveries TO megarouter_usage;
GRANT SELECT ON TABLE public.notification_deliveries TO megarouter_admin;
GRANT SELECT ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT INSERT(organization_id) ON TABLE public.notification_deliveries TO megarouter_usage;
GRANT INSERT(organization_id) ON TABLE public.notification_deliveries TO megarouter_admin;

GRANT INSERT(delivery_id) ON TABLE public.notification_deliveries TO megarouter_usage;
GRANT INSERT(delivery_id) ON TABLE public.notification_deliveries TO megarouter_admin;

GRANT INSERT(channel_id) ON TABLE public.notification_deliveries TO megarouter_usage;
GRANT INSERT(channel_id) ON TABLE public.notification_deliveries TO megarouter_admin;

GRANT INSERT(event_id) ON TABLE public.notification_deliveries TO megarouter_usage;
GRANT INSERT(event_id) ON TABLE public.notification_deliveries TO megarouter_admin;

GRANT UPDATE(state) ON TABLE public.notification_deliveries TO megarouter_admin;
GRANT UPDATE(state) ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT UPDATE(attempt_count) ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT UPDATE(next_attempt_time) ON TABLE public.notification_deliveries TO megarouter_admin;
GRANT UPDATE(next_attempt_time) ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT UPDATE(claim) ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT UPDATE(lease_end_time) ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT INSERT(create_time) ON TABLE public.notification_deliveries TO megarouter_usage;

GRANT UPDATE(end_time) ON TABLE public.notification_deliveries TO megarouter_admin;
GRANT UPDATE(end_time) ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT UPDATE(schedule_start_time) ON TABLE public.notification_deliveries TO megarouter_admin;

GRANT UPDATE(former_attempt_count) ON TABLE public.notification_deliveries TO megarouter_admin;

GRANT UPDATE(is_alone) ON TABLE public.notification_deliveries TO megarouter_admin;
GRANT UPDATE(is_alone) ON TABLE public.notification_deliveries TO megarouter_notification;

GRANT SELECT ON TABLE public.notification_rules TO megarouter_usage;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notification_rules TO megarouter_admin;

GRANT SELECT,INSERT,DELETE ON TABLE public.open_incidents TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.operator_audit_log TO megarouter_admin;

GRANT SELECT,INSERT,DELETE ON TABLE public.organization_provider_credentials TO megarouter_admin;

GRANT UPDATE(live) ON TABLE public.organization_provider_credentials TO megarouter_admin;

GRANT SELECT ON TABLE public.organizations TO megarouter_usage;
GRANT SELECT,INSERT,UPDATE ON TABLE public.organizations TO megarouter_admin;
GRANT SELECT ON TABLE public.organizations TO megarouter_audit;

GRANT SELECT(organization_id) ON TABLE public.organizations TO megarouter_notification;

GRANT SELECT(display_name) ON TABLE public.organizations TO megarouter_notification;

GRANT SELECT,INSERT ON TABLE public.outbox_messages TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT(outbox_message_id) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT(resource_name) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT(recipient_email) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT(attempts),UPDATE(attempts) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT(attempt_time),UPDATE(attempt_time) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT(deliver_time),UPDATE(deliver_time) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT(claim),UPDATE(claim) ON TABLE public.outbox_messages TO megarouter_notification;

GRANT SELECT ON TABLE public.price_versions TO megarouter_authz;
GRANT SELECT ON TABLE public.price_versions TO megarouter_usage;
GRANT SELECT,INSERT ON TABLE public.price_versions TO megarouter_admin;
GRANT SELECT ON TABLE public.price_versions TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.provider_credentials TO megarouter_admin;

GRANT SELECT ON TABLE public.providers TO megarouter_authz;
GRANT SELECT ON TABLE public.providers TO megarouter_usage;
GRANT SELECT,INSERT,UPDATE ON TABLE public.providers TO megarouter_admin;
GRANT SELECT ON TABLE public.providers TO megarouter_audit;

GRANT SELECT,INSERT,DELETE ON TABLE public.refused_calls TO megarouter_usage;
GRANT SELECT ON TABLE public.refused_calls TO megarouter_admin;

GRANT UPDATE(call_count) ON TABLE public.refused_calls TO megarouter_usage;

GRANT UPDATE(update_time) ON TABLE public.refused_calls TO megarouter_usage;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.request_replays TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.routed_calls TO megarouter_usage;
GRANT SELECT ON TABLE public.routed_calls TO megarouter_admin;
GRANT SELECT ON TABLE public.routed_calls TO megarouter_audit;

GRANT UPDATE(baseline_nano_credits) ON TABLE public.routed_calls TO megarouter_usage;

GRANT UPDATE(chosen_nano_credits) ON TABLE public.routed_calls TO megarouter_usage;

GRANT UPDATE(request_id) ON TABLE public.routed_calls TO megarouter_usage;

GRANT UPDATE(signals) ON TABLE public.routed_calls TO megarouter_usage;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.routing_policies TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.routing_policies TO megarouter_usage;

GRANT SELECT(mode) ON TABLE public.routing_policies TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.routing_returns TO megarouter_usage;
GRANT SELECT ON TABLE public.routing_returns TO megarouter_admin;
GRANT SELECT ON TABLE public.routing_returns TO megarouter_audit;

GRANT UPDATE(lift_time) ON TABLE public.routing_returns TO megarouter_admin;

GRANT SELECT ON TABLE public.schema_migrations TO megarouter_authz;
GRANT SELECT ON TABLE public.schema_migrations TO megarouter_usage;
GRANT SELECT ON TABLE public.schema_migrations TO megarouter_admin;
GRANT SELECT ON TABLE public.schema_migrations TO megarouter_notification;
GRANT SELECT ON TABLE public.schema_migrations TO megarouter_audit;

GRANT SELECT,INSERT,DELETE ON TABLE public.scim_group_members TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.scim_groups TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.scim_users TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.sign_in_links TO megarouter_admin;

GRANT UPDATE(use_time) ON TABLE public.sign_in_links TO megarouter_admin;

GRANT UPDATE(revoke_time) ON TABLE public.sign_in_links TO megarouter_admin;

GRANT UPDATE(access_token_id) ON TABLE public.sign_in_links TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.standing_positions TO megarouter_usage;
GRANT SELECT ON TABLE public.standing_positions TO megarouter_audit;

GRANT UPDATE(sequence) ON TABLE public.standing_positions TO megarouter_usage;

GRANT SELECT ON TABLE public.standings TO megarouter_usage;
GRANT SELECT ON TABLE public.standings TO megarouter_admin;
GRANT SELECT ON TABLE public.standings TO megarouter_audit;

GRANT UPDATE(period_start) ON TABLE public.standings TO megarouter_usage;

GRANT UPDATE(spent_nano_credits) ON TABLE public.standings TO megarouter_usage;

GRANT UPDATE(call_count) ON TABLE public.standings TO megarouter_usage;

GRANT UPDATE(last_use_time) ON TABLE public.standings TO megarouter_usage;

GRANT INSERT(provider_id) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(kind) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(object_id) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(organization_id) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(member_id) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(response_id) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(requested_model) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(tokens) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(expire_time) ON TABLE public.stored_objects TO megarouter_usage;

GRANT INSERT(api_key_id) ON TABLE public.stored_objects TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.top_up_requests TO megarouter_admin;
GRANT SELECT ON TABLE public.top_up_requests TO megarouter_audit;

GRANT UPDATE(state) ON TABLE public.top_up_requests TO megarouter_admin;

GRANT UPDATE(decide_time) ON TABLE public.top_up_requests TO megarouter_admin;

GRANT UPDATE(decider_user_id) ON TABLE public.top_up_requests TO megarouter_admin;

GRANT UPDATE(decision_reason) ON TABLE public.top_up_requests TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.usage_anomalies TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_anomalies TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_anomalies TO megarouter_audit;

GRANT SELECT,INSERT ON TABLE public.usage_corrections TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_corrections TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_corrections TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_days TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_days TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_days TO megarouter_audit;

GRANT SELECT,INSERT ON TABLE public.usage_discrepancies TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_discrepancies TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_discrepancies TO megarouter_audit;

GRANT SELECT,INSERT,DELETE ON TABLE public.usage_export_parts TO megarouter_admin;

GRANT SELECT,INSERT,DELETE ON TABLE public.usage_exports TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.usage_exports TO megarouter_usage;

GRANT SELECT(export_id) ON TABLE public.usage_exports TO megarouter_usage;

GRANT SELECT(requester) ON TABLE public.usage_exports TO megarouter_usage;

GRANT SELECT(member_id) ON TABLE public.usage_exports TO megarouter_usage;

GRANT SELECT(state) ON TABLE public.usage_exports TO megarouter_usage;
GRANT UPDATE(state) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(progress_percent) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(row_count) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(size_bytes) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(part_count) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(last_sequence) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(ledger_position) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(complete) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(sha256) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(error_reason) ON TABLE public.usage_exports TO megarouter_admin;

GRANT SELECT(error_message) ON TABLE public.usage_exports TO megarouter_usage;
GRANT UPDATE(error_message) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(attempts) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(claim) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(lease_end_time) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(start_time) ON TABLE public.usage_exports TO megarouter_admin;

GRANT SELECT(end_time) ON TABLE public.usage_exports TO megarouter_usage;
GRANT UPDATE(end_time) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(expire_time) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(share_hash) ON TABLE public.usage_exports TO megarouter_admin;

GRANT UPDATE(share_expire_time) ON TABLE public.usage_exports TO megarouter_admin;

GRANT SELECT(schedule_id) ON TABLE public.usage_exports TO megarouter_usage;

GRANT SELECT,INSERT ON TABLE public.usage_records TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_records TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_records TO megarouter_audit;

GRANT SELECT ON TABLE public.usage_facts TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_facts TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_facts TO megarouter_audit;

GRANT SELECT,INSERT ON TABLE public.usage_findings TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_findings TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_findings TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_hours TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_hours TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_hours TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_member_numbers TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_member_numbers TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_member_numbers TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_member_sets TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_member_sets TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_member_sets TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_months TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_months TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_months TO megarouter_audit;

GRANT SELECT ON TABLE public.usage_names TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_names TO megarouter_admin;

GRANT SELECT,INSERT ON TABLE public.usage_quarantine TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_quarantine TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_quarantine TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_rollups TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_rollups TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_rollups TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_running_totals TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_running_totals TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_running_totals TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_tag_days TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_tag_days TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_tag_days TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_tagged_hours TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_tagged_hours TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_tagged_hours TO megarouter_audit;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.usage_year_totals TO megarouter_usage;
GRANT SELECT ON TABLE public.usage_year_totals TO megarouter_admin;
GRANT SELECT ON TABLE public.usage_year_totals TO megarouter_audit;

GRANT SELECT,INSERT ON TABLE public.user_identities TO megarouter_admin;

GRANT UPDATE(email) ON TABLE public.user_identities TO megarouter_admin;

GRANT UPDATE(display_name) ON TABLE public.user_identities TO megarouter_admin;

GRANT SELECT,INSERT,UPDATE ON TABLE public.users TO megarouter_admin;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.virtual_models TO megarouter_admin;

GRANT SELECT(organization_id) ON TABLE public.virtual_models TO megarouter_usage;

GRANT SELECT(virtual_model_id) ON TABLE public.virtual_models TO megarouter_usage;

GRANT SELECT(model_name) ON TABLE public.virtual_models TO megarouter_usage;

GRANT SELECT(owner_kind) ON TABLE public.virtual_models TO megarouter_usage;

GRANT SELECT(owner_id) ON TABLE public.virtual_models TO megarouter_usage;

GRANT SELECT(revision) ON TABLE public.virtual_models TO megarouter_usage;

ALTER DEFAULT PRIVILEGES FOR ROLE megarouter REVOKE ALL ON FUNCTIONS FROM PUBLIC;
