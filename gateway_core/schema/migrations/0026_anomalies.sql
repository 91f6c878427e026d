-- Unusual spend: what usage_service finds in the rollups, and what people say about it.

-- One row for each scope and local day. An anomaly is never deleted. If late calls or corrections change the charge of its day, it gets
-- the new figures, or is withdrawn.
CREATE TABLE usage_anomalies (
    organization_id text NOT NULL REFERENCES organizations,
    anomaly_id      text NOT NULL,
    scope_kind      text NOT NULL CHECK (scope_kind IN ('group', 'member', 'api_key')),
    scope_id        text NOT NULL,
    local_day       date NOT NULL,
    -- HOUR: found while the day was running. It becomes DAY if the whole day is unusual, too.
    granularity     text NOT NULL CHECK (granularity IN ('DAY', 'HOUR')),
    start_time      timestamptz NOT NULL,
    end_time        timestamptz NOT NULL,
    time_zone       text NOT NULL,
    -- To the group itself, or of the member's group, on that day.
    group_path      text[] NOT NULL,
    -- Of a member or a key; otherwise empty.
    member_id       text NOT NULL,
    actual_nano_credits        bigint NOT NULL,
    expected_nano_credits      bigint NOT NULL,
    lowest_usual_nano_credits  bigint NOT NULL,
    highest_usual_nano_credits bigint NOT NULL,
    volume_nano_credits        bigint NOT NULL,
    size_nano_credits          bigint NOT NULL,
    price_nano_credits         bigint NOT NULL,
    -- By `members`, `keys` and `models`: id, volume, size and price; the id "" is the rest.
    parts           jsonb NOT NULL,
    -- The anomaly of the same day that explains this one.
    explained_by    text,
    -- No longer unusual after late calls or corrections.
    withdraw_time   timestamptz,
    -- Every event of the ledger up to it is in the figures.
    ledger_sequence bigint NOT NULL,
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, anomaly_id),
    UNIQUE (organization_id, scope_kind, scope_id, local_day),
    FOREIGN KEY (organization_id, explained_by) REFERENCES usage_anomalies (organization_id, anomaly_id),
    CONSTRAINT parts_add_up CHECK (
        volume_nano_credits + size_nano_credits + price_nano_credits = actual_nano_credits - expected_nano_credits)
);
CREATE INDEX usage_anomalies_by_day ON usage_anomalies (organization_id, local_day);
CREATE INDEX usage_anomalies_explained ON usage_anomalies (organization_id, explained_by) WHERE explained_by IS NOT NULL;

-- What people say about anomalies. PLANNED: the day does not teach what is usual. WRONG: it does, and the scope's bar is raised.
CREATE TABLE anomaly_verdicts (
    organization_id text NOT NULL REFERENCES organizations,
    anomaly_id      text NOT NULL,
    verdict         text NOT NULL CHECK (verdict IN ('PLANNED', 'WRONG', 'RIGHT')),
    note            text NOT NULL,
    user_id         text NOT NULL,
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, anomaly_id),
    FOREIGN KEY (organization_id, anomaly_id) REFERENCES usage_anomalies (organization_id, anomaly_id)
);

-- How far the days of an organization are judged.
CREATE TABLE anomaly_positions (
    organization_id text NOT NULL PRIMARY KEY REFERENCES organizations,
    -- Every local day before this is judged. NULL: none is.
    judged_until    timestamptz,
    -- The end of the hours that were in the rollups' days at the last pass.
    checked_until   timestamptz
);

-- What the judgment of a scope was made from: a hash of the charges of its latest days. Another hash is a reason to judge again.
CREATE TABLE anomaly_scopes (
    organization_id text NOT NULL REFERENCES organizations,
    scope_kind      text NOT NULL,
    scope_id        text NOT NULL,
    fingerprint     text NOT NULL,
    PRIMARY KEY (organization_id, scope_kind, scope_id)
);

CALL divide_by_organization('usage_anomalies');
CALL divide_by_organization('anomaly_verdicts');
CALL divide_by_organization('anomaly_positions');
CALL divide_by_organization('anomaly_scopes');
