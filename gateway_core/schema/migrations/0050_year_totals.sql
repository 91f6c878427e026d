-- Rollups of callers over months: running totals of each caller's year, and the months of keys.

-- Each year of each member and each key: how much there was from its start to the end of each local month. So what a caller had in any
-- months of a year is the difference of two columns, and any year reads one row of each caller. NULL counts as 0.
CREATE TABLE usage_year_totals (
    organization_id text NOT NULL,
    generation      integer NOT NULL,
    scope_kind      text NOT NULL CHECK (scope_kind IN ('member', 'api_key')),
    -- A local year.
    year            integer NOT NULL,
    scope_id        text NOT NULL,
    -- To the member, at the moment of the calls.
    group_path      text[] NOT NULL,
    member_id       text NOT NULL,
    -- By the month of the year. As in usage_running_totals.
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
    PRIMARY KEY (organization_id, generation, scope_kind, year, scope_id, group_path, member_id)
-- As usage_running_totals: the rows of the present year stay in the order of the key.
) WITH (fillfactor = 45);
CALL divide_by_organization('usage_year_totals');

-- Months of keys have all measures, as those of members have.
ALTER TABLE usage_months DROP CONSTRAINT usage_months_scope_kind_check,
    ADD CONSTRAINT usage_months_scope_kind_check CHECK (scope_kind IN ('organization', 'group', 'api_key'));

-- Existing rollups have all of it in their months and days. A follower claims the row of its generation before it writes, so none is
-- writing now.
LOCK TABLE usage_rollups IN EXCLUSIVE MODE;
INSERT INTO usage_year_totals (
    organization_id, generation, scope_kind, year, scope_id, group_path, member_id,
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
    call_count_12, voided_call_count_12, tokens_12, charge_nano_credits_12)
SELECT organization_id, generation, scope_kind, year, scope_id, group_path, member_id,
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 1), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 1), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 1), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 1), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 2), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 2), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 2), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 2), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 3), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 3), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 3), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 3), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 4), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 4), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 4), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 4), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 5), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 5), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 5), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 5), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 6), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 6), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 6), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 6), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 7), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 7), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 7), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 7), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 8), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 8), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 8), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 8), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 9), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 9), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 9), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 9), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 10), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 10), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 10), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 10), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 11), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 11), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 11), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 11), 0),
       nullif(bigint_sum(call_count_31) FILTER (WHERE month <= 12), 0), nullif(bigint_sum(voided_call_count_31) FILTER (WHERE month <= 12), 0),
       nullif(bigint_sum(tokens_31) FILTER (WHERE month <= 12), 0), nullif(bigint_sum(charge_nano_credits_31) FILTER (WHERE month <= 12), 0)
  FROM (SELECT t.organization_id, t.generation, t.scope_kind, t.scope_id, t.group_path, t.member_id,
               extract(year FROM t.month_start AT TIME ZONE r.time_zone)::integer AS year,
               extract(month FROM t.month_start AT TIME ZONE r.time_zone)::integer AS month,
               -- The last day of a month has what the whole month has.
               t.call_count_31, t.voided_call_count_31, t.tokens_31, t.charge_nano_credits_31
          FROM usage_running_totals t JOIN usage_rollups r USING (organization_id, generation)
         WHERE r.state <> 'RETIRED') AS months
 GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7;

CREATE TEMPORARY TABLE months_of_days ON COMMIT DROP AS
    SELECT r.organization_id, r.generation, d.day_start, cycle_start_at('MONTHLY', r.time_zone, d.day_start) AS month_start
      FROM usage_rollups r
      JOIN (SELECT DISTINCT organization_id, generation, day_start FROM usage_days WHERE scope_kind = 'organization') d
        USING (organization_id, generation)
     WHERE r.state <> 'RETIRED';
ANALYZE months_of_days;
INSERT INTO usage_months (
    organization_id, generation, scope_kind, scope_id, month_start, member_id,
    call_count, voided_call_count, unconfirmed_call_count, input_tokens, cache_read_tokens, cache_write_5m_tokens,
    cache_write_1h_tokens, input_audio_tokens, input_image_tokens, cache_read_audio_tokens, output_tokens, reasoning_tokens,
    output_audio_tokens, output_image_tokens, charge_nano_credits, baseline_nano_credits, correction_count,
    correction_nano_credits)
SELECT organization_id, generation, 'api_key', d.scope_id, c.month_start, d.member_id,
       bigint_sum(d.call_count), bigint_sum(d.voided_call_count), bigint_sum(d.unconfirmed_call_count),
       bigint_sum(d.input_tokens), bigint_sum(d.cache_read_tokens), bigint_sum(d.cache_write_5m_tokens),
       bigint_sum(d.cache_write_1h_tokens), bigint_sum(d.input_audio_tokens), bigint_sum(d.input_image_tokens),
       bigint_sum(d.cache_read_audio_tokens), bigint_sum(d.output_tokens), bigint_sum(d.reasoning_tokens),
       bigint_sum(d.output_audio_tokens), bigint_sum(d.output_image_tokens), bigint_sum(d.charge_nano_credits),
       bigint_sum(d.baseline_nano_credits), bigint_sum(d.correction_count), bigint_sum(d.correction_nano_credits)
  FROM usage_days d JOIN months_of_days c USING (organization_id, generation, day_start)
 WHERE d.scope_kind = 'api_key'
 GROUP BY 1, 2, 4, 5, 6;
