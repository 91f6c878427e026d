-- Credit comes from the operators of the deployment. An organization tops itself up within the credit line that an operator set.
-- What goes beyond it is a request that an operator approves, or a grant that an operator makes.

-- An operator suspended the organization, so only an operator ends the suspension.
ALTER TABLE organizations ADD COLUMN is_blocked boolean NOT NULL DEFAULT false;

-- The credential that created the token was an operator's. Otherwise the token never acts as an operator.
ALTER TABLE access_tokens ADD COLUMN may_operate boolean NOT NULL DEFAULT false;

CREATE TABLE credit_lines (
    organization_id      text PRIMARY KEY REFERENCES organizations,
    -- What the organization may add to its pool in sum without an operator. NULL: without a limit.
    line_nano_credits    bigint DEFAULT 0 CHECK (line_nano_credits >= 0),
    -- What it added so. Only a trigger of the ledger changes it, and it never falls.
    used_nano_credits    bigint NOT NULL DEFAULT 0 CHECK (used_nano_credits >= 0),
    -- The operator who set the line; NULL if no operator did.
    user_id              text REFERENCES users,
    update_time          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT within_line CHECK (used_nano_credits <= line_nano_credits)
);
CALL divide_by_organization('credit_lines');

-- Top-ups beyond the line. A decision is final.
CREATE TABLE top_up_requests (
    organization_id      text NOT NULL REFERENCES organizations,
    top_up_request_id    text COLLATE "C" NOT NULL CHECK (top_up_request_id ~ '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_id              text NOT NULL REFERENCES users,
    -- The key that the top-up itself would have had, so that a repeated call makes one request.
    idempotency_key      text NOT NULL,
    amount_nano_credits  bigint NOT NULL CHECK (amount_nano_credits > 0),
    reason               text NOT NULL DEFAULT '',
    state                text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'APPROVED', 'REJECTED')),
    create_time          timestamptz NOT NULL DEFAULT now(),
    decide_time          timestamptz,
    -- The operator who decided, and why.
    decider_user_id      text REFERENCES users,
    decision_reason      text NOT NULL DEFAULT '',
    PRIMARY KEY (organization_id, top_up_request_id),
    UNIQUE (organization_id, idempotency_key),
    CONSTRAINT decided CHECK ((state = 'PENDING') = (decide_time IS NULL) AND (state = 'PENDING') = (decider_user_id IS NULL))
);
CREATE INDEX top_up_requests_by_state ON top_up_requests (state, top_up_request_id);
CALL divide_by_organization('top_up_requests');
CREATE TRIGGER top_up_requests_decided_once BEFORE UPDATE ON top_up_requests
    FOR EACH ROW WHEN (OLD.state <> 'PENDING') EXECUTE FUNCTION refuse_change();
CREATE TRIGGER top_up_requests_kept BEFORE DELETE ON top_up_requests FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER top_up_requests_not_truncated BEFORE TRUNCATE ON top_up_requests
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Credit that operators gave without payment. Rows never change.
CREATE TABLE credit_grants (
    organization_id      text NOT NULL REFERENCES organizations,
    -- The operator and the request id: `user:uuid`. The transfer of the grant has the idempotency key `grant:` and this id.
    credit_grant_id      text NOT NULL,
    user_id              text NOT NULL REFERENCES users,
    amount_nano_credits  bigint NOT NULL CHECK (amount_nano_credits > 0),
    reason               text NOT NULL DEFAULT '',
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, credit_grant_id)
);
CALL divide_by_organization('credit_grants');
CREATE TRIGGER credit_grants_immutable BEFORE UPDATE OR DELETE ON credit_grants FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_grants_not_truncated BEFORE TRUNCATE ON credit_grants FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The line of an organization that exists is what it added before: nothing remains until an operator sets a line.
INSERT INTO credit_lines (organization_id, line_nano_credits, used_nano_credits)
SELECT o.organization_id, coalesce(t.total, 0), coalesce(t.total, 0)
  FROM organizations o
  LEFT JOIN (SELECT organization_id, sum(amount_nano_credits)::bigint AS total FROM ledger_transfers
              WHERE credit_account = 'CREDIT_POOL' AND kind IN ('TOP_UP', 'ADJUSTMENT') GROUP BY organization_id) t
    ON t.organization_id = o.organization_id;

CREATE OR REPLACE FUNCTION open_ledger() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- Counts credit against the line unless a grant or an approved request is its authority. `within_line` refuses what exceeds the line.
CREATE FUNCTION use_credit_line() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
CREATE TRIGGER ledger_transfers_use_credit_line AFTER INSERT ON ledger_transfers
    FOR EACH ROW WHEN (NEW.credit_account = 'CREDIT_POOL' AND NEW.kind IN ('TOP_UP', 'ADJUSTMENT'))
    EXECUTE FUNCTION use_credit_line();

-- What operators see of organizations, or of one: sums, and nothing of members.
CREATE FUNCTION organization_summaries(only_organization text)
RETURNS TABLE (organization_id text, display_name text, kind text, state text, is_blocked boolean, balance_nano_credits bigint,
               topped_up_nano_credits bigint, adjusted_nano_credits bigint, spent_nano_credits bigint, line_nano_credits bigint,
               used_nano_credits bigint, pending_request_count bigint, create_time timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- The requests of all organizations, for operators.
CREATE FUNCTION every_top_up_request()
RETURNS TABLE (organization_id text, top_up_request_id text, user_id text, amount_nano_credits bigint, reason text, state text,
               create_time timestamptz, decide_time timestamptz, decider_user_id text, decision_reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT organization_id, top_up_request_id, user_id, amount_nano_credits, reason, state, create_time, decide_time,
           decider_user_id, decision_reason
      FROM top_up_requests
$$;
