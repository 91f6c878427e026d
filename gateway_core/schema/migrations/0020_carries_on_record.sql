-- What a carry was computed from, so that the audit can compute it again; and carries that a changed time zone does not repeat.

-- The base is this budget and what was carried into the period before. NULL: the period begins a lineage, keeps a carry across a change
-- of the time zone, or is older than this column.
ALTER TABLE budget_carries ADD COLUMN budget_nano_credits bigint;
-- The organization's last sequence number when the base was computed. NULL as above.
ALTER TABLE budget_carries ADD COLUMN opened_sequence bigint;

DROP FUNCTION carry_terms(text, text, text, text);
-- As before, with the budget that the base contains.
CREATE FUNCTION carry_terms(organization text, of_counter text, of_previous text, in_zone text DEFAULT NULL)
RETURNS TABLE (base bigint, cap bigint, lineage bigint, budget bigint)
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

CREATE OR REPLACE FUNCTION recorded_carry(organization text, of_counter text, of_previous text, in_zone text DEFAULT NULL)
RETURNS TABLE (base bigint, cap bigint)
LANGUAGE plpgsql AS $$
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

-- What a budget keeps of a carry when the time zone changes. `start` is when its present period begins in the new zone, and `former` the
-- zone before.
--
-- It keeps the carry of the period that has the same first day, or of the one before it; never the carry of a later period, because
-- that is what the period which now goes on again had left. It does not keep what has been spent of the carry already and will not count
-- in the new period:
--
--   - Charges and corrections of older periods (see `with_dependent_counters`), because the new period counts its own calls only.
--   - What calls before the new period's start took beyond the budget.
--
-- Calls of a period that began less than a minute ago may still be on their way to the holds table, so its carry is not kept.
CREATE FUNCTION kept_carry(r guardrails, own_budget bigint, former_revision bigint, former text, time_zone text, start timestamptz)
RETURNS TABLE (carried bigint, lineage bigint)
LANGUAGE plpgsql STABLE AS $$
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

-- The zone before is a setting of the transaction: `begin_carries` runs for each guardrail, when the organization has the new one.
CREATE OR REPLACE FUNCTION restart_cycles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- A budget that begins to carry over, a changed cycle and a reset begin with nothing carried. A changed time zone keeps a carry.
CREATE OR REPLACE FUNCTION begin_carries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
