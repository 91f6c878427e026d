-- Rollups of usage, which follow the ledger by its sequence. And the names of everything they mention, with validity.

-- One fact for each event that changes usage. A correction takes back what the expiry recorded, and adds the actual call. So the sum of
-- the facts up to a number of the ledger is the usage at that position.
CREATE VIEW usage_facts WITH (security_invoker = true) AS
    SELECT u.organization_id, u.sequence, 1 AS weight, u.place_time, u.group_path, u.member_id, u.api_key_id,
           u.requested_model AS model, u.provider_id, u.endpoint, u.outcome AS status,
           u.input_tokens, u.cache_read_tokens, u.cache_write_5m_tokens, u.cache_write_1h_tokens,
           u.input_audio_tokens, u.input_image_tokens, u.cache_read_audio_tokens, u.output_tokens,
           u.reasoning_tokens, u.output_audio_tokens, u.output_image_tokens,
           u.charge_nano_credits, u.charge_nano_credits AS baseline_nano_credits, 0 AS correction_count,
           0::bigint AS correction_nano_credits, u.duration_ms, u.time_to_first_byte_ms
      FROM usage_records u
    UNION ALL
    SELECT c.organization_id, c.sequence, -1, u.place_time, u.group_path, u.member_id, u.api_key_id,
           u.requested_model, u.provider_id, u.endpoint, u.outcome,
           -u.input_tokens, -u.cache_read_tokens, -u.cache_write_5m_tokens, -u.cache_write_1h_tokens,
           -u.input_audio_tokens, -u.input_image_tokens, -u.cache_read_audio_tokens, -u.output_tokens,
           -u.reasoning_tokens, -u.output_audio_tokens, -u.output_image_tokens,
           -u.charge_nano_credits, -u.charge_nano_credits, 0, 0, u.duration_ms, u.time_to_first_byte_ms
      FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
    UNION ALL
    SELECT c.organization_id, c.sequence, 1, u.place_time, u.group_path, u.member_id, u.api_key_id,
           u.requested_model, u.provider_id, u.endpoint, c.outcome,
           c.input_tokens, c.cache_read_tokens, c.cache_write_5m_tokens, c.cache_write_1h_tokens,
           c.input_audio_tokens, c.input_image_tokens, c.cache_read_audio_tokens, c.output_tokens,
           c.reasoning_tokens, c.output_audio_tokens, c.output_image_tokens,
           c.charge_nano_credits, c.charge_nano_credits, 1, c.delta_nano_credits, c.duration_ms, c.time_to_first_byte_ms
      FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id;

-- The start of the hour on the clocks of a zone. date_trunc alone is wrong in the hour in which clocks change by half an hour: it returns
-- an instant before the change. Changes of clocks are at quarters of an hour.
CREATE FUNCTION local_hour(instant timestamptz, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN instant - truncated.h = (instant AT TIME ZONE zone) - (truncated.h AT TIME ZONE zone) THEN truncated.h
                ELSE (SELECT coalesce(min(q), truncated.h)
                        FROM generate_series(truncated.h, instant, interval '15 minutes') AS q
                       WHERE instant - q = (instant AT TIME ZONE zone) - (q AT TIME ZONE zone)) END
      FROM (SELECT date_trunc('hour', instant, zone) AS h) AS truncated
$$;

-- Rollups of an organization: one CURRENT generation, which is reported, and at most one more that is being built in its place. Each
-- follows the ledger by itself.
CREATE TABLE usage_rollups (
    organization_id text NOT NULL REFERENCES organizations,
    generation      integer NOT NULL CHECK (generation > 0),
    time_zone       text NOT NULL,
    state           text NOT NULL CHECK (state IN ('BUILDING', 'CURRENT', 'RETIRED')),
    -- The number of the last event of the ledger that is in the rows.
    sequence        bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    -- Days and months have the hours that began before this. It moves on when an hour is over, so that a day is not updated for every
    -- call. What comes later for an earlier hour is added to its day and month, too.
    days_until      timestamptz NOT NULL DEFAULT '2000-01-01 00:00:00+00',
    create_time     timestamptz NOT NULL DEFAULT now(),
    update_time     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, generation)
);
CREATE UNIQUE INDEX usage_rollups_current ON usage_rollups (organization_id) WHERE state = 'CURRENT';
CREATE UNIQUE INDEX usage_rollups_building ON usage_rollups (organization_id) WHERE state = 'BUILDING';
CREATE INDEX usage_rollups_retired ON usage_rollups (organization_id, generation) WHERE state = 'RETIRED';

-- Every hour with everything that calls are told apart by. `open_usage_month` creates the partitions.
CREATE TABLE usage_hours (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    -- The start of a local hour.
    hour_start      timestamptz NOT NULL,
    group_path      text[] NOT NULL,
    -- A member or a service account.
    member_id       text NOT NULL,
    api_key_id      text NOT NULL,
    model           text NOT NULL,
    provider_id     text NOT NULL,
    endpoint        text NOT NULL,
    status          text NOT NULL,
    -- Without voided calls, as budgets count.
    call_count                bigint NOT NULL,
    voided_call_count         bigint NOT NULL,
    -- They are in call_count too.
    unconfirmed_call_count    bigint NOT NULL,
    input_tokens              bigint NOT NULL,
    cache_read_tokens         bigint NOT NULL,
    cache_write_5m_tokens     bigint NOT NULL,
    cache_write_1h_tokens     bigint NOT NULL,
    input_audio_tokens        bigint NOT NULL,
    input_image_tokens        bigint NOT NULL,
    cache_read_audio_tokens   bigint NOT NULL,
    output_tokens             bigint NOT NULL,
    reasoning_tokens          bigint NOT NULL,
    output_audio_tokens       bigint NOT NULL,
    output_image_tokens       bigint NOT NULL,
    -- After corrections.
    charge_nano_credits       bigint NOT NULL,
    -- What the calls would have cost without routing. No call is routed yet, so it equals the charge.
    baseline_nano_credits     bigint NOT NULL,
    correction_count          bigint NOT NULL,
    -- By how much corrections changed the charge, which includes them.
    correction_nano_credits   bigint NOT NULL,
    -- Settled calls by duration and by time to the first byte. Bucket 0 is below 32 ms; each later one begins at twice the last. NULL is 0.
    duration_00 bigint, duration_01 bigint, duration_02 bigint, duration_03 bigint,
    duration_04 bigint, duration_05 bigint, duration_06 bigint, duration_07 bigint,
    duration_08 bigint, duration_09 bigint, duration_10 bigint, duration_11 bigint,
    duration_12 bigint, duration_13 bigint, duration_14 bigint, duration_15 bigint,
    first_byte_00 bigint, first_byte_01 bigint, first_byte_02 bigint, first_byte_03 bigint,
    first_byte_04 bigint, first_byte_05 bigint, first_byte_06 bigint, first_byte_07 bigint,
    first_byte_08 bigint, first_byte_09 bigint, first_byte_10 bigint, first_byte_11 bigint,
    first_byte_12 bigint, first_byte_13 bigint, first_byte_14 bigint, first_byte_15 bigint,
    PRIMARY KEY (organization_id, generation, hour_start, member_id, api_key_id, model, status, endpoint, provider_id, group_path)
) PARTITION BY RANGE (hour_start);

-- Every day, once for each scope that the calls were charged to. `leaf` has the calls of those who were directly in a group.
CREATE TABLE usage_days (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    scope_kind      text NOT NULL CHECK (scope_kind IN ('organization', 'group', 'leaf', 'member', 'api_key')),
    -- Empty in `leaf` for calls outside groups.
    scope_id        text NOT NULL,
    -- The start of a local day.
    day_start       timestamptz NOT NULL,
    model           text NOT NULL,
    status          text NOT NULL,
    -- To the scope, at the moment of the calls. Empty for the organization.
    group_path      text[] NOT NULL,
    -- Of a member or a key; otherwise empty.
    member_id       text NOT NULL,
    -- Without voided calls, as budgets count.
    call_count                bigint NOT NULL,
    voided_call_count         bigint NOT NULL,
    -- They are in call_count too.
    unconfirmed_call_count    bigint NOT NULL,
    input_tokens              bigint NOT NULL,
    cache_read_tokens         bigint NOT NULL,
    cache_write_5m_tokens     bigint NOT NULL,
    cache_write_1h_tokens     bigint NOT NULL,
    input_audio_tokens        bigint NOT NULL,
    input_image_tokens        bigint NOT NULL,
    cache_read_audio_tokens   bigint NOT NULL,
    output_tokens             bigint NOT NULL,
    reasoning_tokens          bigint NOT NULL,
    output_audio_tokens       bigint NOT NULL,
    output_image_tokens       bigint NOT NULL,
    -- After corrections.
    charge_nano_credits       bigint NOT NULL,
    -- What the calls would have cost without routing. No call is routed yet, so it equals the charge.
    baseline_nano_credits     bigint NOT NULL,
    correction_count          bigint NOT NULL,
    -- By how much corrections changed the charge, which includes them.
    correction_nano_credits   bigint NOT NULL,
    -- Settled calls by duration and by time to the first byte. Bucket 0 is below 32 ms; each later one begins at twice the last. NULL is 0.
    duration_00 bigint, duration_01 bigint, duration_02 bigint, duration_03 bigint,
    duration_04 bigint, duration_05 bigint, duration_06 bigint, duration_07 bigint,
    duration_08 bigint, duration_09 bigint, duration_10 bigint, duration_11 bigint,
    duration_12 bigint, duration_13 bigint, duration_14 bigint, duration_15 bigint,
    first_byte_00 bigint, first_byte_01 bigint, first_byte_02 bigint, first_byte_03 bigint,
    first_byte_04 bigint, first_byte_05 bigint, first_byte_06 bigint, first_byte_07 bigint,
    first_byte_08 bigint, first_byte_09 bigint, first_byte_10 bigint, first_byte_11 bigint,
    first_byte_12 bigint, first_byte_13 bigint, first_byte_14 bigint, first_byte_15 bigint,
    PRIMARY KEY (organization_id, generation, scope_kind, scope_id, day_start, model, status, group_path, member_id)
-- The rows of the present day are updated every hour. Room in their pages keeps that from touching the index.
) WITH (fillfactor = 70);

-- Every month of each member, in the organization and in every group above, for the largest consumers.
CREATE TABLE usage_months (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    scope_kind      text NOT NULL CHECK (scope_kind IN ('organization', 'group')),
    scope_id        text NOT NULL,
    -- The start of a local month.
    month_start     timestamptz NOT NULL,
    member_id       text NOT NULL,
    -- Without voided calls, as budgets count.
    call_count                bigint NOT NULL,
    voided_call_count         bigint NOT NULL,
    -- They are in call_count too.
    unconfirmed_call_count    bigint NOT NULL,
    input_tokens              bigint NOT NULL,
    cache_read_tokens         bigint NOT NULL,
    cache_write_5m_tokens     bigint NOT NULL,
    cache_write_1h_tokens     bigint NOT NULL,
    input_audio_tokens        bigint NOT NULL,
    input_image_tokens        bigint NOT NULL,
    cache_read_audio_tokens   bigint NOT NULL,
    output_tokens             bigint NOT NULL,
    reasoning_tokens          bigint NOT NULL,
    output_audio_tokens       bigint NOT NULL,
    output_image_tokens       bigint NOT NULL,
    -- After corrections.
    charge_nano_credits       bigint NOT NULL,
    -- What the calls would have cost without routing. No call is routed yet, so it equals the charge.
    baseline_nano_credits     bigint NOT NULL,
    correction_count          bigint NOT NULL,
    -- By how much corrections changed the charge, which includes them.
    correction_nano_credits   bigint NOT NULL,
    PRIMARY KEY (organization_id, generation, scope_kind, scope_id, month_start, member_id)
) WITH (fillfactor = 70);

-- What groups, members, service accounts and API keys are and were called. No row is ever deleted, so usage keeps its names.
CREATE TABLE usage_names (
    organization_id text NOT NULL REFERENCES organizations,
    kind            text NOT NULL CHECK (kind IN ('group', 'member', 'api_key')),
    id              text NOT NULL,
    valid_from      timestamptz NOT NULL,
    -- NULL: still valid.
    valid_to        timestamptz,
    display_name    text NOT NULL,
    -- Of a group its own path, otherwise that of the member's group.
    group_path      text[] NOT NULL,
    is_deleted      boolean NOT NULL,
    PRIMARY KEY (organization_id, kind, id, valid_from)
);
CREATE UNIQUE INDEX usage_names_present ON usage_names (organization_id, kind, id) WHERE valid_to IS NULL;

CALL divide_by_organization('usage_rollups');
CALL divide_by_organization('usage_hours');
CALL divide_by_organization('usage_days');
CALL divide_by_organization('usage_months');
CALL divide_by_organization('usage_names');

-- Creates the partition of `usage_hours` for the month, in UTC, of an instant.
CREATE FUNCTION open_usage_month(instant timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first CONSTANT timestamptz := date_trunc('month', instant, 'UTC');
    after CONSTANT timestamptz := first + interval '1 month';
    partition CONSTANT text := 'usage_hours_' || to_char(first AT TIME ZONE 'UTC', 'YYYYMM');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Another transaction may be creating it. An advisory lock would not make its table visible here.
    LOCK TABLE usage_hours IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass(partition) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE usage_hours)', partition);
        CALL divide_by_organization(partition);
        EXECUTE format('ALTER TABLE usage_hours ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', partition, first, after);
    END IF;
END $$;

CREATE FUNCTION note_usage_name(of_organization text, of_kind text, of_id text, name text, path text[], deleted boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz;
BEGIN
    UPDATE usage_names SET valid_to = greatest(clock_timestamp(), valid_from + interval '1 microsecond')
     WHERE organization_id = of_organization AND kind = of_kind AND id = of_id AND valid_to IS NULL
       AND (display_name, group_path, is_deleted) IS DISTINCT FROM (name, path, deleted)
    RETURNING valid_to INTO since;
    IF since IS NULL THEN
        PERFORM FROM usage_names WHERE organization_id = of_organization AND kind = of_kind AND id = of_id AND valid_to IS NULL;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    -- Two transactions may change what a member is called: one their membership, the other their user. The later one wins.
    INSERT INTO usage_names (organization_id, kind, id, valid_from, display_name, group_path, is_deleted)
    VALUES (of_organization, of_kind, of_id, coalesce(since, clock_timestamp()), name, path, deleted)
    ON CONFLICT (organization_id, kind, id) WHERE valid_to IS NULL
    DO UPDATE SET display_name = excluded.display_name, group_path = excluded.group_path, is_deleted = excluded.is_deleted;
END $$;

CREATE FUNCTION note_usage_name_of_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'groups' THEN
        PERFORM note_usage_name(NEW.organization_id, 'group', NEW.group_id, NEW.display_name, NEW.path, NEW.delete_time IS NOT NULL);
    ELSIF TG_TABLE_NAME = 'api_keys' THEN
        PERFORM note_usage_name(NEW.organization_id, 'api_key', NEW.api_key_id, NEW.display_name, NEW.group_path,
                                NEW.state = 'DELETED');
    ELSIF TG_TABLE_NAME = 'members' THEN
        PERFORM note_usage_name(
            NEW.organization_id, 'member', NEW.member_id,
            coalesce(NEW.display_name, (SELECT coalesce(nullif(display_name, ''), email) FROM users WHERE user_id = NEW.user_id), ''),
            NEW.group_path, NEW.state = 'REMOVED');
    ELSE
        PERFORM note_usage_name(m.organization_id, 'member', m.member_id, coalesce(nullif(NEW.display_name, ''), NEW.email, ''),
                                m.group_path, m.state = 'REMOVED')
           FROM members m WHERE m.user_id = NEW.user_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER groups_note_name AFTER INSERT OR UPDATE ON groups FOR EACH ROW EXECUTE FUNCTION note_usage_name_of_row();
CREATE TRIGGER members_note_name AFTER INSERT OR UPDATE ON members FOR EACH ROW EXECUTE FUNCTION note_usage_name_of_row();
CREATE TRIGGER api_keys_note_name AFTER INSERT OR UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION note_usage_name_of_row();
CREATE TRIGGER users_note_names AFTER UPDATE OF display_name, email ON users
    FOR EACH ROW WHEN (OLD.display_name IS DISTINCT FROM NEW.display_name OR OLD.email IS DISTINCT FROM NEW.email)
    EXECUTE FUNCTION note_usage_name_of_row();

-- Earlier names are not known. The rollups of existing records are the follower's work: it begins at position 0.
INSERT INTO usage_names
SELECT organization_id, 'group', group_id, create_time, NULL::timestamptz, display_name, path, delete_time IS NOT NULL FROM groups
UNION ALL
SELECT m.organization_id, 'member', m.member_id, m.create_time, NULL,
       coalesce(m.display_name, nullif(u.display_name, ''), u.email, ''), m.group_path, m.state = 'REMOVED'
  FROM members m LEFT JOIN users u ON u.user_id = m.user_id
UNION ALL
SELECT organization_id, 'api_key', api_key_id, create_time, NULL, display_name, group_path, state = 'DELETED' FROM api_keys;
