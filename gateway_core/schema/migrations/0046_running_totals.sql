-- Rollups for what many callers are ranked and counted by: running totals of each caller's month, and the set of each day's members.

-- Each month of each member and each key: how much there was from its start to the end of each local day. So what a caller had in any days
-- of a month is the difference of two columns, and any period reads one row of each caller and month. NULL counts as 0.
CREATE TABLE usage_running_totals (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    scope_kind      text NOT NULL CHECK (scope_kind IN ('member', 'api_key')),
    -- The start of a local month.
    month_start     timestamptz NOT NULL,
    scope_id        text NOT NULL,
    -- To the member, at the moment of the calls.
    group_path      text[] NOT NULL,
    member_id       text NOT NULL,
    -- By the day of the month. As in usage_days, call_count is without voided calls, and the charge is that after corrections.
    call_count_01 bigint, voided_call_count_01 bigint, tokens_01 bigint, charge_nano_credits_01 bigint,
    call_count_02 bigint, voided_call_count_02 bigint, tokens_02 bigint, charge_nano_credits_02 bigint,
    call_count_03 bigint, voided_call_count_03 bigint, tokens_03 bigint, charge_nano_credits_03 bigint,
    call_count_04 bigint, voided_call_count_04 bigint, tokens_04 bigint, charge_nano_credits_04 bigint,
    call_count_05 bigint, voided_call_count_05 bigint, tokens_05 bigint, charge_nano_credits_05 bigint,
    call_count_06 bigint, voided_call_count_06 bigint, tokens_06 bigint, charge_nano_credits_06 bigint,
    call_count_07 bigint, voided_call_count_07 bigint, tokens_07 bigint, charge_nano_credits_07 bigint,
    call_count_08 bigint, voided_call_count_08 bigint, tokens_08 bigint, charge_nano_credits_08 bigint,
    call_count_09 bigint, voided_call_count_09 bigint, tokens_09 bigint, charge_nano_credits_09 bigint,
    call_count_10 bigint, voided_call_count_10 bigint, tokens_10 bigint, charge_nano_credits_10 bigint,
    call_count_11 bigint, voided_call_count_11 bigint, tokens_11 bigint, charge_nano_credits_11 bigint,
    call_count_12 bigint, voided_call_count_12 bigint, tokens_12 bigint, charge_nano_credits_12 bigint,
    call_count_13 bigint, voided_call_count_13 bigint, tokens_13 bigint, charge_nano_credits_13 bigint,
    call_count_14 bigint, voided_call_count_14 bigint, tokens_14 bigint, charge_nano_credits_14 bigint,
    call_count_15 bigint, voided_call_count_15 bigint, tokens_15 bigint, charge_nano_credits_15 bigint,
    call_count_16 bigint, voided_call_count_16 bigint, tokens_16 bigint, charge_nano_credits_16 bigint,
    call_count_17 bigint, voided_call_count_17 bigint, tokens_17 bigint, charge_nano_credits_17 bigint,
    call_count_18 bigint, voided_call_count_18 bigint, tokens_18 bigint, charge_nano_credits_18 bigint,
    call_count_19 bigint, voided_call_count_19 bigint, tokens_19 bigint, charge_nano_credits_19 bigint,
    call_count_20 bigint, voided_call_count_20 bigint, tokens_20 bigint, charge_nano_credits_20 bigint,
    call_count_21 bigint, voided_call_count_21 bigint, tokens_21 bigint, charge_nano_credits_21 bigint,
    call_count_22 bigint, voided_call_count_22 bigint, tokens_22 bigint, charge_nano_credits_22 bigint,
    call_count_23 bigint, voided_call_count_23 bigint, tokens_23 bigint, charge_nano_credits_23 bigint,
    call_count_24 bigint, voided_call_count_24 bigint, tokens_24 bigint, charge_nano_credits_24 bigint,
    call_count_25 bigint, voided_call_count_25 bigint, tokens_25 bigint, charge_nano_credits_25 bigint,
    call_count_26 bigint, voided_call_count_26 bigint, tokens_26 bigint, charge_nano_credits_26 bigint,
    call_count_27 bigint, voided_call_count_27 bigint, tokens_27 bigint, charge_nano_credits_27 bigint,
    call_count_28 bigint, voided_call_count_28 bigint, tokens_28 bigint, charge_nano_credits_28 bigint,
    call_count_29 bigint, voided_call_count_29 bigint, tokens_29 bigint, charge_nano_credits_29 bigint,
    call_count_30 bigint, voided_call_count_30 bigint, tokens_30 bigint, charge_nano_credits_30 bigint,
    call_count_31 bigint, voided_call_count_31 bigint, tokens_31 bigint, charge_nano_credits_31 bigint,
    PRIMARY KEY (organization_id, generation, scope_kind, month_start, scope_id, group_path, member_id)
-- The rows of the present month are updated every hour. With room for a second version of each, they stay in the order of the key,
-- in which all callers of a month are read.
) WITH (fillfactor = 45);

-- Numbers members and service accounts from 1 on, in the order in which a generation first has calls of them that count.
CREATE TABLE usage_member_numbers (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    member_id       text NOT NULL,
    number          integer NOT NULL CHECK (number > 0),
    PRIMARY KEY (organization_id, generation, member_id),
    UNIQUE (organization_id, generation, number)
);

-- The members who used a model on a local day: bit n is the one with the number n. A set ends with its last member.
CREATE TABLE usage_member_sets (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    day_start       timestamptz NOT NULL,
    model           text NOT NULL,
    members         bit varying NOT NULL,
    PRIMARY KEY (organization_id, generation, day_start, model)
) WITH (fillfactor = 70);

CALL divide_by_organization('usage_running_totals');
CALL divide_by_organization('usage_member_numbers');
CALL divide_by_organization('usage_member_sets');

-- The members that are in one of two sets.
CREATE FUNCTION member_union(one bit varying, other bit varying) RETURNS bit varying LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN length(one) < length(other) THEN (one || repeat('0', length(other) - length(one))::bit varying) | other
                WHEN length(one) > length(other) THEN one | (other || repeat('0', length(one) - length(other))::bit varying)
                ELSE one | other END
$$;
CREATE AGGREGATE member_union(bit varying) (SFUNC = member_union, STYPE = bit varying, COMBINEFUNC = member_union, PARALLEL = SAFE);

-- Existing rollups have all of it in their days. A follower claims the row of its generation before it writes, so none is writing now.
LOCK TABLE usage_rollups IN EXCLUSIVE MODE;
CREATE TEMPORARY TABLE backfilled_days ON COMMIT DROP AS
    SELECT r.organization_id, r.generation, d.day_start, cycle_start_at('MONTHLY', r.time_zone, d.day_start) AS month_start,
           extract(day FROM d.day_start AT TIME ZONE r.time_zone)::integer AS day
      FROM usage_rollups r
      JOIN (SELECT DISTINCT organization_id, generation, day_start FROM usage_days WHERE scope_kind = 'organization') d
        ON d.organization_id = r.organization_id AND d.generation = r.generation
     WHERE r.state <> 'RETIRED';
ANALYZE backfilled_days;
INSERT INTO usage_running_totals (
    organization_id, generation, scope_kind, month_start, scope_id, group_path, member_id,
    call_count_01, voided_call_count_01, tokens_01, charge_nano_credits_01,
    call_count_02, voided_call_count_02, tokens_02, charge_nano_credits_02,
    call_count_03, voided_call_count_03, tokens_03, charge_nano_credits_03,
    call_count_04, voided_call_count_04, tokens_04, charge_nano_credits_04,
    call_count_05, voided_call_count_05, tokens_05, charge_nano_credits_05,
    call_count_06, voided_call_count_06, tokens_06, charge_nano_credits_06,
    call_count_07, voided_call_count_07, tokens_07, charge_nano_credits_07,
    call_count_08, voided_call_count_08, tokens_08, charge_nano_credits_08,
    call_count_09, voided_call_count_09, tokens_09, charge_nano_credits_09,
    call_count_10, voided_call_count_10, tokens_10, charge_nano_credits_10,
    call_count_11, voided_call_count_11, tokens_11, charge_nano_credits_11,
    call_count_12, voided_call_count_12, tokens_12, charge_nano_credits_12,
    call_count_13, voided_call_count_13, tokens_13, charge_nano_credits_13,
    call_count_14, voided_call_count_14, tokens_14, charge_nano_credits_14,
    call_count_15, voided_call_count_15, tokens_15, charge_nano_credits_15,
    call_count_16, voided_call_count_16, tokens_16, charge_nano_credits_16,
    call_count_17, voided_call_count_17, tokens_17, charge_nano_credits_17,
    call_count_18, voided_call_count_18, tokens_18, charge_nano_credits_18,
    call_count_19, voided_call_count_19, tokens_19, charge_nano_credits_19,
    call_count_20, voided_call_count_20, tokens_20, charge_nano_credits_20,
    call_count_21, voided_call_count_21, tokens_21, charge_nano_credits_21,
    call_count_22, voided_call_count_22, tokens_22, charge_nano_credits_22,
    call_count_23, voided_call_count_23, tokens_23, charge_nano_credits_23,
    call_count_24, voided_call_count_24, tokens_24, charge_nano_credits_24,
    call_count_25, voided_call_count_25, tokens_25, charge_nano_credits_25,
    call_count_26, voided_call_count_26, tokens_26, charge_nano_credits_26,
    call_count_27, voided_call_count_27, tokens_27, charge_nano_credits_27,
    call_count_28, voided_call_count_28, tokens_28, charge_nano_credits_28,
    call_count_29, voided_call_count_29, tokens_29, charge_nano_credits_29,
    call_count_30, voided_call_count_30, tokens_30, charge_nano_credits_30,
    call_count_31, voided_call_count_31, tokens_31, charge_nano_credits_31)
SELECT organization_id, generation, scope_kind, month_start, scope_id, group_path, member_id,
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 1), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 1), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 1), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 1), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 2), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 2), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 2), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 2), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 3), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 3), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 3), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 3), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 4), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 4), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 4), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 4), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 5), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 5), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 5), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 5), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 6), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 6), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 6), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 6), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 7), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 7), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 7), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 7), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 8), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 8), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 8), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 8), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 9), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 9), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 9), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 9), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 10), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 10), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 10), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 10), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 11), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 11), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 11), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 11), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 12), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 12), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 12), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 12), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 13), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 13), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 13), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 13), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 14), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 14), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 14), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 14), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 15), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 15), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 15), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 15), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 16), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 16), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 16), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 16), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 17), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 17), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 17), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 17), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 18), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 18), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 18), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 18), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 19), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 19), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 19), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 19), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 20), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 20), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 20), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 20), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 21), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 21), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 21), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 21), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 22), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 22), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 22), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 22), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 23), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 23), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 23), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 23), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 24), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 24), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 24), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 24), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 25), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 25), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 25), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 25), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 26), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 26), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 26), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 26), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 27), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 27), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 27), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 27), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 28), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 28), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 28), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 28), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 29), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 29), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 29), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 29), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 30), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 30), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 30), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 30), 0),
       nullif(bigint_sum(call_count) FILTER (WHERE day <= 31), 0), nullif(bigint_sum(voided_call_count) FILTER (WHERE day <= 31), 0),
       nullif(bigint_sum(tokens) FILTER (WHERE day <= 31), 0), nullif(bigint_sum(charge_nano_credits) FILTER (WHERE day <= 31), 0)
  FROM (SELECT organization_id, generation, d.scope_kind, c.month_start, d.scope_id, d.group_path, d.member_id, c.day,
               bigint_sum(d.call_count) AS call_count, bigint_sum(d.voided_call_count) AS voided_call_count,
               bigint_sum(d.input_tokens + d.cache_read_tokens + d.cache_write_5m_tokens + d.cache_write_1h_tokens + d.input_audio_tokens
                          + d.input_image_tokens + d.cache_read_audio_tokens + d.output_tokens + d.reasoning_tokens
                          + d.output_audio_tokens + d.output_image_tokens) AS tokens,
               bigint_sum(d.charge_nano_credits) AS charge_nano_credits
          FROM usage_days d JOIN backfilled_days c USING (organization_id, generation, day_start)
         WHERE d.scope_kind IN ('member', 'api_key')
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) AS days
 GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7;

CREATE TEMPORARY TABLE backfilled_use ON COMMIT DROP AS
    SELECT organization_id, generation, d.day_start, d.model, d.scope_id AS member_id
      FROM usage_days d JOIN backfilled_days c USING (organization_id, generation, day_start)
     WHERE d.scope_kind = 'member'
     GROUP BY 1, 2, 3, 4, 5 HAVING bigint_sum(d.call_count) > 0;
ANALYZE backfilled_use;
INSERT INTO usage_member_numbers (organization_id, generation, member_id, number)
SELECT organization_id, generation, member_id,
       row_number() OVER (PARTITION BY organization_id, generation ORDER BY min(day_start), member_id)
  FROM backfilled_use GROUP BY 1, 2, 3;
INSERT INTO usage_member_sets (organization_id, generation, day_start, model, members)
SELECT organization_id, generation, day_start, model,
       string_agg(repeat('0', number - before - 1) || '1', '' ORDER BY number)::bit varying
  FROM (SELECT organization_id, generation, u.day_start, u.model, n.number,
               lag(n.number, 1, 0) OVER (PARTITION BY organization_id, generation, u.day_start, u.model ORDER BY n.number) AS before
          FROM backfilled_use u JOIN usage_member_numbers n USING (organization_id, generation, member_id)) AS numbered
 GROUP BY 1, 2, 3, 4;
