-- The register of holds, what every call consumed, and the spend of every budget period.

-- Every admitted call is on record here, even one that never reports usage. The data plane only inserts.
CREATE TABLE holds (
    hold_id              text PRIMARY KEY,
    organization_id      text NOT NULL REFERENCES organizations,
    member_id            text NOT NULL,
    api_key_id           text NOT NULL,
    amount_nano_credits  bigint NOT NULL CHECK (amount_nano_credits >= 0),
    -- The whole signed hold: settlement needs nothing else.
    token                text NOT NULL,
    -- Encoded counters (kind:id:cycle:start:revision) that carry the hold.
    counters             text[] NOT NULL,
    place_time           timestamptz NOT NULL,
    expire_time          timestamptz NOT NULL,
    state                text NOT NULL DEFAULT 'HELD' CHECK (state IN ('HELD', 'SETTLED', 'VOIDED', 'EXPIRED')),
    resolve_time         timestamptz,
    CONSTRAINT resolved_or_held CHECK ((state = 'HELD') = (resolve_time IS NULL))
);
CREATE INDEX holds_open_by_counter ON holds USING gin (counters) WHERE state = 'HELD';
CREATE INDEX holds_open_by_organization ON holds (organization_id) WHERE state = 'HELD';
CREATE INDEX holds_open_by_expiry ON holds (expire_time) WHERE state = 'HELD';

-- One row for each resolved hold: the fact that rollups, analytics and Redis follow, in the order of the ledger.
CREATE TABLE usage_records (
    hold_id              text PRIMARY KEY,
    organization_id      text NOT NULL,
    sequence             bigint NOT NULL,
    outcome              text NOT NULL CHECK (outcome IN ('SETTLED', 'VOIDED', 'EXPIRED')),
    -- provider: counted by the provider; estimated: from bytes; none: nothing was consumed.
    source               text NOT NULL CHECK (source IN ('provider', 'estimated', 'none')),
    -- Why the record is as it is: completed, client_disconnected, provider_error, provider_unavailable, refused, ...
    detail               text NOT NULL,
    group_path           text[] NOT NULL,
    member_id            text NOT NULL,
    api_key_id           text NOT NULL,
    endpoint             text NOT NULL,
    streamed             boolean NOT NULL,
    requested_model      text NOT NULL,
    answered_model       text,
    provider_id          text NOT NULL,
    provider_response_id text,
    service_tier         text,
    price_version        integer NOT NULL,
    input_tokens         bigint NOT NULL CHECK (input_tokens >= 0),
    cache_read_tokens    bigint NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_5m_tokens bigint NOT NULL CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens bigint NOT NULL CHECK (cache_write_1h_tokens >= 0),
    output_tokens        bigint NOT NULL CHECK (output_tokens >= 0),
    reasoning_tokens     bigint NOT NULL CHECK (reasoning_tokens >= 0),
    hold_nano_credits    bigint NOT NULL CHECK (hold_nano_credits >= 0),
    charge_nano_credits  bigint NOT NULL CHECK (charge_nano_credits >= 0),
    -- [[category, tokens, price per million, amount], ...]: the sum of the amounts is the charge.
    charge_lines         jsonb NOT NULL,
    counters             text[] NOT NULL,
    http_status          integer NOT NULL,
    response_flags       text NOT NULL,
    duration_ms          bigint,
    time_to_first_byte_ms bigint,
    request_id           text NOT NULL,
    trace_id             text,
    place_time           timestamptz NOT NULL,
    settle_time          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, sequence)
);
CREATE INDEX usage_records_by_time ON usage_records (organization_id, place_time);

CREATE TRIGGER usage_records_immutable BEFORE UPDATE OR DELETE ON usage_records
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_records_not_truncated BEFORE TRUNCATE ON usage_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Settled spend of a scope in a period of its cycle; the row of a Redis counter.
CREATE TABLE scope_spend (
    organization_id      text NOT NULL,
    counter              text NOT NULL,
    settled_nano_credits bigint NOT NULL DEFAULT 0,
    call_count           bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, counter)
);

-- A second report of a resolved hold that says something else: the first stands, this remembers the second (fault C3).
CREATE TABLE usage_discrepancies (
    discrepancy_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hold_id              text NOT NULL UNIQUE,
    organization_id      text NOT NULL,
    detail               text NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now()
);

-- How far each journal file has been replayed.
CREATE TABLE journal_offsets (
    journal              text PRIMARY KEY,
    -- Identifies the file behind the name, so that a replaced file is read from its start.
    inode                bigint NOT NULL,
    byte_offset          bigint NOT NULL CHECK (byte_offset >= 0),
    update_time          timestamptz NOT NULL DEFAULT now()
);

-- A changed cycle or time zone starts a new counter, which begins with what the scope already spent in the new period: usage is
-- never reset by a change of configuration. Calls under way at that moment settle to the counter they were admitted under.
CREATE SEQUENCE cycle_revisions;

CREATE FUNCTION cycle_start(cycle text, time_zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN cycle = 'NEVER' THEN 'epoch'::timestamptz ELSE (
        -- Where clocks are set back over midnight it comes twice: a period starts at its first pass.
        SELECT min(start - earlier)
          FROM date_trunc(CASE cycle WHEN 'DAILY' THEN 'day' WHEN 'WEEKLY' THEN 'week' ELSE 'month' END, now(), time_zone) AS start,
               unnest(ARRAY[interval '0', interval '30 minutes', interval '1 hour']) AS earlier
         WHERE (start - earlier) AT TIME ZONE time_zone = start AT TIME ZONE time_zone
    ) END
$$;

CREATE FUNCTION set_cycle_revision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.cycle <> OLD.cycle OR NEW.cycle_revision <> OLD.cycle_revision THEN
        NEW.cycle_revision := nextval('cycle_revisions');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION carry_spend_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    start timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.cycle_revision = OLD.cycle_revision THEN RETURN NULL; END IF;
    -- The head's lock keeps settlements out until this is committed.
    PERFORM 1 FROM ledger_heads WHERE organization_id = NEW.organization_id FOR UPDATE;
    SELECT cycle_start(NEW.cycle, time_zone) INTO start FROM organizations WHERE organization_id = NEW.organization_id;
    INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count)
    SELECT NEW.organization_id,
           concat_ws(':', NEW.scope_kind, NEW.scope_id, NEW.cycle, extract(epoch FROM start)::bigint, NEW.cycle_revision),
           coalesce(sum(charge_nano_credits), 0), count(*)
      FROM usage_records
     WHERE organization_id = NEW.organization_id AND place_time >= start
       AND CASE NEW.scope_kind
               WHEN 'organization' THEN true
               WHEN 'group' THEN NEW.scope_id = ANY (group_path)
               WHEN 'member' THEN member_id = NEW.scope_id
               ELSE api_key_id = NEW.scope_id
           END;
    RETURN NULL;
END $$;

CREATE TRIGGER guardrails_cycle_revision BEFORE INSERT OR UPDATE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION set_cycle_revision();
CREATE TRIGGER guardrails_carry_spend_over AFTER INSERT OR UPDATE ON guardrails
    FOR EACH ROW EXECUTE FUNCTION carry_spend_over();

CREATE FUNCTION restart_cycles() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    UPDATE guardrails SET cycle_revision = cycle_revision + 1
     WHERE organization_id = NEW.organization_id AND cycle <> 'NEVER';
    RETURN NULL;
END $$;

CREATE TRIGGER organizations_restart_cycles AFTER UPDATE OF time_zone ON organizations
    FOR EACH ROW WHEN (NEW.time_zone <> OLD.time_zone) EXECUTE FUNCTION restart_cycles();
