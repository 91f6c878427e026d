-- Calls that were under way when a budget got another cycle, or the organization another time zone: until now they settled to the
-- counter they were admitted under and to no other, so the present counter lacked them. They are charged to both.

-- The present counters of scopes whose cycle changed after the hold was placed; NULL without any.
ALTER TABLE usage_records ADD COLUMN later_counters text[];
ALTER TABLE usage_corrections ADD COLUMN later_counters text[];

-- When a cycle in the organization changed last: who settles a call placed before it looks for later counters.
ALTER TABLE ledger_heads ADD COLUMN cycle_change_time timestamptz;
UPDATE ledger_heads h SET cycle_change_time = now()
 WHERE EXISTS (SELECT FROM guardrails g WHERE g.organization_id = h.organization_id);

CREATE OR REPLACE FUNCTION carry_spend_over() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    start timestamptz;
    head bigint;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.cycle_revision = OLD.cycle_revision THEN RETURN NULL; END IF;
    -- The head's lock keeps settlements out until this is committed.
    UPDATE ledger_heads SET cycle_change_time = clock_timestamp() WHERE organization_id = NEW.organization_id
        RETURNING sequence INTO head;
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
