-- Holds without a report expire, truth that arrives late corrects them, and what cannot be believed is kept to be looked at.

-- What an expired hold costs: all it reserved, its input alone, or nothing.
ALTER TABLE organizations ADD COLUMN expired_hold_policy text NOT NULL DEFAULT 'CHARGE_HOLD'
    CHECK (expired_hold_policy IN ('CHARGE_HOLD', 'CHARGE_INPUT', 'RELEASE'));

-- The number Redis gave the hold when it was placed. A Redis that has counted fewer placements has gone back in time.
ALTER TABLE holds ADD COLUMN placement bigint NOT NULL DEFAULT 0 CHECK (placement >= 0);
CREATE INDEX holds_by_placement ON holds (organization_id, placement);

-- The truth about a hold that had expired. The record of the expiry stands as it is; this takes the next number of the
-- organization's ledger, and a CORRECTION transfer under the same number moves the difference. An EXPIRED record without a
-- correction is unconfirmed.
CREATE TABLE usage_corrections (
    hold_id              text PRIMARY KEY REFERENCES usage_records,
    organization_id      text NOT NULL,
    sequence             bigint NOT NULL,
    outcome              text NOT NULL CHECK (outcome IN ('SETTLED', 'VOIDED')),
    source               text NOT NULL CHECK (source IN ('provider', 'estimated', 'none')),
    detail               text NOT NULL,
    answered_model       text,
    provider_response_id text,
    service_tier         text,
    input_tokens         bigint NOT NULL CHECK (input_tokens >= 0),
    cache_read_tokens    bigint NOT NULL CHECK (cache_read_tokens >= 0),
    cache_write_5m_tokens bigint NOT NULL CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens bigint NOT NULL CHECK (cache_write_1h_tokens >= 0),
    output_tokens        bigint NOT NULL CHECK (output_tokens >= 0),
    reasoning_tokens     bigint NOT NULL CHECK (reasoning_tokens >= 0),
    charge_nano_credits  bigint NOT NULL CHECK (charge_nano_credits >= 0),
    -- As in the record: the sum of the amounts is the charge.
    charge_lines         jsonb NOT NULL,
    -- The charge less what the expiry charged; the amount of the transfer, which is absent when this is 0.
    delta_nano_credits   bigint NOT NULL,
    http_status          integer NOT NULL,
    response_flags       text NOT NULL,
    duration_ms          bigint,
    time_to_first_byte_ms bigint,
    request_id           text NOT NULL,
    trace_id             text,
    place_time           timestamptz NOT NULL,
    correct_time         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, sequence)
);

CREATE TRIGGER usage_corrections_immutable BEFORE UPDATE OR DELETE ON usage_corrections
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_corrections_not_truncated BEFORE TRUNCATE ON usage_corrections
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Usage that was reported and cannot be right. The call was charged by estimate; this is what the provider said.
CREATE TABLE usage_quarantine (
    hold_id              text PRIMARY KEY REFERENCES usage_records,
    organization_id      text NOT NULL,
    reason               text NOT NULL CHECK (reason IN ('invalid_usage', 'implausible_usage')),
    -- JSON. Holds what was reported about usage, never the hold's token.
    report               text NOT NULL CHECK (length(report) <= 65536),
    create_time          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_quarantine_by_time ON usage_quarantine (organization_id, create_time);

CREATE TRIGGER usage_quarantine_immutable BEFORE UPDATE OR DELETE ON usage_quarantine
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_quarantine_not_truncated BEFORE TRUNCATE ON usage_quarantine
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON usage_corrections, usage_quarantine TO megarouter_usage, megarouter_admin;
GRANT INSERT ON usage_corrections, usage_quarantine TO megarouter_usage;

-- As before, and with the corrections: a new period begins with what was really spent in it.
CREATE OR REPLACE FUNCTION carry_spend_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
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
           coalesce(sum(u.charge_nano_credits + coalesce(c.delta_nano_credits, 0)), 0), count(u.hold_id)
      FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
     WHERE u.organization_id = NEW.organization_id AND u.place_time >= start
       AND CASE NEW.scope_kind
               WHEN 'organization' THEN true
               WHEN 'group' THEN NEW.scope_id = ANY (u.group_path)
               WHEN 'member' THEN u.member_id = NEW.scope_id
               ELSE u.api_key_id = NEW.scope_id
           END;
    RETURN NULL;
END $$;
