-- What an operator should look at in the usage report of a call: counts that contradict each other, a size beyond the model, a part
-- without a price. One row for each such call. The call was charged what `usage_records` or `usage_corrections` says.
--
-- It replaces `usage_quarantine`, which keeps the reports that earlier releases set aside.
CREATE TABLE usage_findings (
    hold_id              text PRIMARY KEY REFERENCES usage_records,
    organization_id      text NOT NULL,
    -- Where the caller stood when the hold was placed, level 1 first.
    group_path           text[] NOT NULL,
    member_id            text NOT NULL,
    api_key_id           text NOT NULL,
    provider_id          text NOT NULL,
    requested_model      text NOT NULL,
    -- The provider's name of the model that answered; NULL if it named none.
    answered_model       text,
    -- Sorted, without repeats.
    kinds                text[] NOT NULL CHECK (cardinality(kinds) BETWEEN 1 AND 16),
    reason               text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    -- The reported counts as JSON, cut at the limit. Never the hold token, a prompt or an answer.
    report               text NOT NULL CHECK (length(report) <= 16384),
    -- Where the charged counts come from, and what they cost.
    source               text NOT NULL CHECK (source IN ('provider', 'estimated')),
    charge_nano_credits  bigint NOT NULL CHECK (charge_nano_credits >= 0),
    place_time           timestamptz NOT NULL,
    create_time          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX usage_findings_by_time ON usage_findings (organization_id, create_time, hold_id);
CALL divide_by_organization('usage_findings');

CREATE TRIGGER usage_findings_immutable BEFORE UPDATE OR DELETE ON usage_findings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_findings_not_truncated BEFORE TRUNCATE ON usage_findings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
