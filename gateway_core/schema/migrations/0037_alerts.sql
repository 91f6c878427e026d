-- Alerts: rules say what is worth telling and to whom, events are what happened, and deliveries are what is sent about them.
-- usage_service writes events and deliveries, admin_service keeps rules and channels, and notification_service sends.

-- The policies below name the role, so it must exist. roles.sql gives it its attributes and rights.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'megarouter_notification') THEN
        CREATE ROLE megarouter_notification NOLOGIN NOINHERIT;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

-- When the last of these calls was added, up to seconds after it was refused.
ALTER TABLE refused_calls ADD COLUMN update_time timestamptz NOT NULL DEFAULT now();

-- Where alerts are sent. The target and the secrets are sealed with the key of channels, because a chat's URL is a secret, too.
CREATE TABLE notification_channels (
    organization_id text NOT NULL REFERENCES organizations,
    channel_id      text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('CALLBACK', 'SLACK', 'TEAMS', 'DISCORD', 'FEISHU', 'DINGTALK', 'WECOM', 'PAGERDUTY',
                                                  'EMAIL')),
    display_name    text NOT NULL,
    -- To whose admins it belongs. NULL: to the whole organization.
    group_id        text,
    -- Shown instead of the target: the host of a URL, or the domain of an address.
    target_hint     text NOT NULL,
    sealed_target   bytea NOT NULL,
    -- What signs the messages. NULL where the product signs nothing.
    sealed_secret   bytea,
    -- Signs beside the present secret until `former_secret_end_time`, so that a receiver can change over.
    sealed_former_secret   bytea,
    former_secret_end_time timestamptz,
    state           text NOT NULL DEFAULT 'ENABLED' CHECK (state IN ('ENABLED', 'DISABLED')),
    -- Why notification_service disabled it; empty otherwise.
    disable_reason  text NOT NULL DEFAULT '',
    -- Since when every attempt has failed. NULL after a success.
    failing_since   timestamptz,
    -- No attempt begins before: what a flow control asks for.
    next_attempt_time timestamptz NOT NULL DEFAULT '-infinity',
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, channel_id)
);

-- What is worth an alert, and who gets it.
CREATE TABLE notification_rules (
    organization_id text NOT NULL REFERENCES organizations,
    rule_id         text NOT NULL,
    display_name    text NOT NULL,
    state           text NOT NULL DEFAULT 'ENABLED' CHECK (state IN ('ENABLED', 'DISABLED')),
    -- Such as `budget.threshold_reached`.
    event_types     text[] NOT NULL CHECK (cardinality(event_types) BETWEEN 1 AND 64),
    scope_kind      text NOT NULL CHECK (scope_kind IN ('organization', 'group', 'member', 'api_key')),
    scope_id        text NOT NULL,
    -- Whether it also speaks of the groups, members and keys inside the scope.
    includes_descendants boolean NOT NULL DEFAULT true,
    -- In percent of a budget.
    percents        integer[] NOT NULL DEFAULT '{}' CHECK (cardinality(percents) <= 16 AND 1 <= ALL (percents) AND 1000 >= ALL (percents)),
    amounts_nano_credits bigint[] NOT NULL DEFAULT '{}' CHECK (cardinality(amounts_nano_credits) <= 16 AND 0 < ALL (amounts_nano_credits)),
    -- A list of {"kind": OWNER | GROUP_ADMINS | SUPER_ADMINS | MEMBER | CHANNEL, "id": of a member or channel}.
    recipients      jsonb NOT NULL CHECK (jsonb_typeof(recipients) = 'array' AND jsonb_array_length(recipients) BETWEEN 1 AND 32),
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, rule_id)
);

-- What happened. The id is a hash of the columns of `alert_events_once`, so it is the same on every retry and after a restore.
CREATE TABLE alert_events (
    organization_id text NOT NULL REFERENCES organizations,
    event_id        text NOT NULL,
    event_type      text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'ALERT')),
    rule_id         text NOT NULL,
    scope_kind      text NOT NULL,
    scope_id        text NOT NULL,
    -- To the group itself, or of the member's group, when it happened.
    group_path      text[] NOT NULL,
    -- The counter of the budget, which names its cycle and the start of its period; otherwise what tells occasions apart.
    occasion        text NOT NULL,
    -- Such as `80%`, or an amount in nano-credits.
    threshold       text NOT NULL,
    -- Counts how often the threshold has been armed again: by a higher limit, or a correction.
    epoch           integer NOT NULL DEFAULT 0,
    -- The proof: the number of the crossing call in the ledger. NULL if no call crossed, because the limit or a rule changed.
    ledger_sequence bigint,
    hold_id         text,
    -- What receivers get, without id, type and time.
    data            jsonb NOT NULL,
    occur_time      timestamptz NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, event_id),
    CONSTRAINT alert_events_once UNIQUE (organization_id, rule_id, scope_kind, scope_id, occasion, threshold, epoch)
);
CREATE INDEX alert_events_by_time ON alert_events (organization_id, occur_time);

-- Which thresholds are reached. A threshold that is not reached any more is armed again, in its next epoch.
CREATE TABLE alert_states (
    organization_id text NOT NULL REFERENCES organizations,
    rule_id         text NOT NULL,
    occasion        text NOT NULL,
    threshold       text NOT NULL,
    epoch           integer NOT NULL DEFAULT 0,
    is_reached      boolean NOT NULL,
    PRIMARY KEY (organization_id, occasion, rule_id, threshold)
);

-- How far alerts have followed the ledger, and the changes of guardrails and rules.
CREATE TABLE alert_positions (
    organization_id text NOT NULL PRIMARY KEY REFERENCES organizations,
    sequence        bigint NOT NULL,
    -- Every change that was committed a minute before it has been looked at.
    changes_until   timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX guardrails_by_change ON guardrails (organization_id, update_time);

-- What members find in their inbox.
CREATE TABLE inbox_entries (
    organization_id text NOT NULL REFERENCES organizations,
    member_id       text NOT NULL,
    event_id        text NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    acknowledge_time timestamptz,
    PRIMARY KEY (organization_id, member_id, event_id),
    FOREIGN KEY (organization_id, event_id) REFERENCES alert_events
);
-- For pages of an inbox, the newest first.
CREATE INDEX inbox_entries_by_time ON inbox_entries (organization_id, member_id, create_time, event_id);

-- What is sent to a channel about an event. A lease says who sends: no transaction stays open meanwhile.
CREATE TABLE notification_deliveries (
    organization_id text NOT NULL REFERENCES organizations,
    delivery_id     text NOT NULL,
    channel_id      text NOT NULL,
    event_id        text NOT NULL,
    -- FAILED: a dead letter. CANCELED: its channel was deleted.
    state           text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DELIVERED', 'FAILED', 'CANCELED')),
    attempt_count   integer NOT NULL DEFAULT 0,
    -- NULL once it is over.
    next_attempt_time timestamptz DEFAULT now(),
    -- Names the process that sends, until the lease ends.
    claim           text NOT NULL DEFAULT '',
    lease_end_time  timestamptz,
    create_time     timestamptz NOT NULL DEFAULT now(),
    end_time        timestamptz,
    PRIMARY KEY (organization_id, delivery_id),
    FOREIGN KEY (organization_id, event_id) REFERENCES alert_events,
    CHECK ((state = 'PENDING') = (next_attempt_time IS NOT NULL) AND (state = 'PENDING') = (end_time IS NULL))
);
-- The order in which a channel sends. The times of attempts do not change it.
CREATE INDEX notification_deliveries_waiting ON notification_deliveries (organization_id, channel_id, create_time, delivery_id)
    WHERE state = 'PENDING';
-- For pages of the list, the newest first.
CREATE INDEX notification_deliveries_by_time ON notification_deliveries (organization_id, create_time, delivery_id);
CREATE INDEX notification_deliveries_due ON notification_deliveries (next_attempt_time) WHERE state = 'PENDING';

-- Each attempt, with what was sent and answered.
CREATE TABLE delivery_attempts (
    organization_id text NOT NULL,
    delivery_id     text NOT NULL,
    -- From 1.
    attempt_number  integer NOT NULL,
    start_time      timestamptz NOT NULL,
    duration_ms     integer NOT NULL,
    -- The address that was connected to; empty if none was.
    address         text NOT NULL,
    -- Without signatures, and without the secret parts of a URL.
    request         text NOT NULL,
    -- NULL without an answer.
    http_status     integer,
    -- At most 4 KiB of it.
    answer          text NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('DELIVERED', 'RETRY', 'REFUSED')),
    error           text NOT NULL,
    PRIMARY KEY (organization_id, delivery_id, attempt_number),
    FOREIGN KEY (organization_id, delivery_id) REFERENCES notification_deliveries ON DELETE CASCADE
);

CALL divide_by_organization('notification_channels');
CALL divide_by_organization('notification_rules');
CALL divide_by_organization('alert_events');
CALL divide_by_organization('alert_states');
CALL divide_by_organization('alert_positions');
CALL divide_by_organization('inbox_entries');
CALL divide_by_organization('notification_deliveries');
CALL divide_by_organization('delivery_attempts');

-- The wall of the role that sends: it sees and writes what it sends, of the organizations that it names.
DO $$
DECLARE
    walled regclass;
BEGIN
    FOREACH walled IN ARRAY ARRAY['notification_channels', 'alert_events', 'notification_deliveries', 'delivery_attempts',
                                  'organizations']::regclass[] LOOP
        EXECUTE format(
            'CREATE POLICY notification_wall ON %s TO megarouter_notification USING (%s) WITH CHECK (%2$s)', walled,
            'organization_id = ANY ((SELECT string_to_array(current_setting(''megarouter.organizations'', true), '',''))::text[])');
    END LOOP;
END $$;

-- Channels whose next delivery is due, longest waiting first, and as many of each organization as of the others. A channel waits while
-- one of its deliveries is leased. Steps from channel to channel in the index: a channel with many deliveries costs no more than others.
CREATE FUNCTION channels_with_deliveries_due(most integer) RETURNS TABLE (organization_id text, channel_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
     WHERE d.next_attempt_time <= now() AND coalesce(d.lease_end_time, '-infinity') <= now()
       AND coalesce(c.next_attempt_time, '-infinity') <= now() AND coalesce(c.state, '') <> 'DISABLED'
     ORDER BY row_number() OVER (PARTITION BY d.organization_id ORDER BY d.next_attempt_time), d.next_attempt_time LIMIT most
$$;

-- How many deliveries wait, and for how many seconds the oldest of them. Without channels that are switched off: those wait for people.
CREATE FUNCTION deliveries_waiting() RETURNS TABLE (delivery_count bigint, oldest_age_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*), coalesce(extract(epoch FROM now() - min(d.create_time)), 0)::double precision
      FROM notification_deliveries d
      LEFT JOIN notification_channels c ON c.organization_id = d.organization_id AND c.channel_id = d.channel_id
     WHERE d.state = 'PENDING' AND coalesce(c.state, '') <> 'DISABLED'
$$;

-- What the budget of a counter allows in its period, with what was carried into it. NULL without a budget, or if the counter has ended.
CREATE FUNCTION limit_of_counter(organization text, of_counter text) RETURNS bigint
LANGUAGE sql STABLE AS $$
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

-- The present counters of a scope with a guardrail.
CREATE FUNCTION present_counters(organization text, of_kind text, of_id text) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT counter_name(of_kind, of_id, b.cycle, cycle_start(b.cycle, o.time_zone), b.revision, b.models)
      FROM (SELECT r.cycle, r.cycle_revision AS revision, '' AS models
              FROM guardrails r WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id
            UNION ALL
            SELECT m.cycle, m.revision, m.models FROM guardrails r CROSS JOIN LATERAL model_budgets_of(r) m
             WHERE r.organization_id = organization AND r.scope_kind = of_kind AND r.scope_id = of_id) AS b
      JOIN organizations o ON o.organization_id = organization
$$;

-- The present counters of the guardrails that changed after an instant; of all of them without one.
CREATE FUNCTION counters_of_changed_guardrails(organization text, since timestamptz) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
    SELECT c.counter
      FROM guardrails r CROSS JOIN LATERAL present_counters(organization, r.scope_kind, r.scope_id) AS c (counter)
     WHERE r.organization_id = organization AND r.update_time > coalesce(since, '-infinity')
$$;

-- Every organization begins with a rule for its budgets.
CREATE FUNCTION create_first_rule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents, recipients)
    VALUES (NEW.organization_id, 'budgets', 'Budgets at 80, 90 and 100 percent', '{budget.threshold_reached,budget.exhausted,budget.recovered}',
            'organization', NEW.organization_id, '{80,90,100}', '[{"kind": "OWNER"}, {"kind": "GROUP_ADMINS"}]');
    RETURN NULL;
END $$;
CREATE TRIGGER create_first_rule AFTER INSERT ON organizations FOR EACH ROW EXECUTE FUNCTION create_first_rule();
INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents, recipients)
SELECT organization_id, 'budgets', 'Budgets at 80, 90 and 100 percent', '{budget.threshold_reached,budget.exhausted,budget.recovered}',
       'organization', organization_id, '{80,90,100}', '[{"kind": "OWNER"}, {"kind": "GROUP_ADMINS"}]'
  FROM organizations;
