-- The double-entry ledger. A transfer moves one amount from the account it debits to the account it credits, so that it
-- sums to zero by its shape (INV-01); rows are immutable (INV-02); the idempotency key is unique here, not elsewhere.

CREATE TABLE ledger_accounts (
    organization_id      text NOT NULL REFERENCES organizations,
    account              text NOT NULL CHECK (account IN ('CREDIT_POOL', 'USAGE', 'TOP_UPS', 'ADJUSTMENTS')),
    -- Credits minus debits, kept for reading; true as of `sequence`. The sum of the transfers is the truth (INV-03).
    balance_nano_credits bigint NOT NULL DEFAULT 0,
    sequence             bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, account)
);

-- The head orders an organization's ledger: whoever posts locks it, takes the next numbers and commits, so that a reader
-- who sees number n sees every number below it.
CREATE TABLE ledger_heads (
    organization_id      text PRIMARY KEY REFERENCES organizations,
    sequence             bigint NOT NULL DEFAULT 0
);

CREATE TABLE ledger_transfers (
    organization_id      text NOT NULL,
    sequence             bigint NOT NULL CHECK (sequence > 0),
    kind                 text NOT NULL CHECK (kind IN ('TOP_UP', 'USAGE', 'ADJUSTMENT', 'REFUND', 'CORRECTION')),
    debit_account        text NOT NULL,
    credit_account       text NOT NULL,
    amount_nano_credits  bigint NOT NULL CHECK (amount_nano_credits > 0),
    idempotency_key      text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    hold_id              text,
    -- The sequence of the transfer that this one corrects.
    corrects_sequence    bigint,
    actor                text NOT NULL,
    reason               text NOT NULL DEFAULT '',
    create_time          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, sequence),
    UNIQUE (organization_id, idempotency_key),
    FOREIGN KEY (organization_id, debit_account) REFERENCES ledger_accounts (organization_id, account),
    FOREIGN KEY (organization_id, credit_account) REFERENCES ledger_accounts (organization_id, account),
    FOREIGN KEY (organization_id, corrects_sequence) REFERENCES ledger_transfers (organization_id, sequence),
    CONSTRAINT two_accounts CHECK (debit_account <> credit_account),
    CONSTRAINT allowed_route CHECK (
        (kind = 'TOP_UP' AND debit_account = 'TOP_UPS' AND credit_account = 'CREDIT_POOL')
        OR (kind = 'USAGE' AND debit_account = 'CREDIT_POOL' AND credit_account = 'USAGE')
        OR (kind = 'REFUND' AND debit_account = 'CREDIT_POOL' AND credit_account = 'TOP_UPS')
        OR (kind = 'ADJUSTMENT' AND 'ADJUSTMENTS' IN (debit_account, credit_account)
            AND 'CREDIT_POOL' IN (debit_account, credit_account))
        OR (kind = 'CORRECTION' AND 'USAGE' IN (debit_account, credit_account)
            AND 'CREDIT_POOL' IN (debit_account, credit_account))
    )
);
CREATE INDEX ledger_transfers_by_time ON ledger_transfers (organization_id, create_time);

CREATE TRIGGER ledger_transfers_immutable BEFORE UPDATE OR DELETE ON ledger_transfers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transfers_not_truncated BEFORE TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The two sides of every transfer as signed postings, for whoever sums.
CREATE VIEW ledger_postings AS
    SELECT organization_id, sequence, kind, credit_account AS account, amount_nano_credits, hold_id, create_time
      FROM ledger_transfers
    UNION ALL
    SELECT organization_id, sequence, kind, debit_account, -amount_nano_credits, hold_id, create_time
      FROM ledger_transfers;

CREATE FUNCTION open_ledger() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO ledger_heads (organization_id) VALUES (NEW.organization_id);
    INSERT INTO ledger_accounts (organization_id, account)
    SELECT NEW.organization_id, unnest(ARRAY['CREDIT_POOL', 'USAGE', 'TOP_UPS', 'ADJUSTMENTS']);
    RETURN NULL;
END $$;

CREATE TRIGGER organizations_open_ledger AFTER INSERT ON organizations FOR EACH ROW EXECUTE FUNCTION open_ledger();
