-- Transfers are booked at the moment they are written, under the lock of the ledger's head, not when their transaction began to
-- wait for it: so the balance as of a past moment never changes afterwards.
ALTER TABLE ledger_transfers ALTER COLUMN create_time SET DEFAULT clock_timestamp();

-- What a counter began with when its scope's cycle changed, and as of which number of the ledger: so that every counter can be
-- recomputed from the records, to the last nano-credit.
ALTER TABLE scope_spend
    ADD COLUMN carried_nano_credits bigint NOT NULL DEFAULT 0,
    ADD COLUMN carried_call_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN carried_sequence bigint;

-- As before, and noting what it carries. A voided call was never made and is not counted.
CREATE OR REPLACE FUNCTION carry_spend_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    start timestamptz;
    head bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.cycle_revision = OLD.cycle_revision THEN RETURN NULL; END IF;
    -- The head's lock keeps settlements out until this is committed.
    SELECT sequence INTO head FROM ledger_heads WHERE organization_id = NEW.organization_id FOR UPDATE;
    SELECT cycle_start(NEW.cycle, time_zone) INTO start FROM organizations WHERE organization_id = NEW.organization_id;
    INSERT INTO scope_spend (organization_id, counter, settled_nano_credits, call_count, carried_nano_credits,
                             carried_call_count, carried_sequence)
    SELECT NEW.organization_id,
           concat_ws(':', NEW.scope_kind, NEW.scope_id, NEW.cycle, extract(epoch FROM start)::bigint, NEW.cycle_revision),
           spent.amount, spent.calls, spent.amount, spent.calls, head
      FROM (SELECT coalesce(sum(u.charge_nano_credits + coalesce(c.delta_nano_credits, 0)), 0) AS amount,
                   count(*) FILTER (WHERE coalesce(c.outcome, u.outcome) <> 'VOIDED') AS calls
              FROM usage_records u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id
             WHERE u.organization_id = NEW.organization_id AND u.place_time >= start
               AND CASE NEW.scope_kind
                       WHEN 'organization' THEN true
                       WHEN 'group' THEN NEW.scope_id = ANY (u.group_path)
                       WHEN 'member' THEN u.member_id = NEW.scope_id
                       ELSE u.api_key_id = NEW.scope_id
                   END) AS spent;
    RETURN NULL;
END $$;
