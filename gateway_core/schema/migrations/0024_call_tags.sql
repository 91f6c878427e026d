-- Tags that callers attach to calls. Most calls have none, and a row without tags takes no more room than before.
ALTER TABLE usage_records ADD COLUMN tags jsonb CHECK (jsonb_typeof(tags) = 'object');
COMMENT ON COLUMN usage_records.tags IS '{name: value}, at most five; NULL without any.';
CREATE INDEX usage_records_tagged ON usage_records (organization_id, sequence) WHERE tags IS NOT NULL;

-- As before, with the tags. A correction has those of its record.
CREATE OR REPLACE VIEW usage_facts WITH (security_invoker = true) AS
    SELECT u.organization_id, u.sequence, 1 AS weight, u.place_time, u.group_path, u.member_id, u.api_key_id,
           u.requested_model AS model, u.provider_id, u.endpoint, u.outcome AS status,
           u.input_tokens, u.cache_read_tokens, u.cache_write_5m_tokens, u.cache_write_1h_tokens,
           u.input_audio_tokens, u.input_image_tokens, u.cache_read_audio_tokens, u.output_tokens,
           u.reasoning_tokens, u.output_audio_tokens, u.output_image_tokens,
           u.charge_nano_credits, u.charge_nano_credits AS baseline_nano_credits, 0 AS correction_count,
           0::bigint AS correction_nano_credits, u.duration_ms, u.time_to_first_byte_ms, u.tags
      FROM usage_records u
    UNION ALL
    SELECT c.organization_id, c.sequence, -1, u.place_time, u.group_path, u.member_id, u.api_key_id,
           u.requested_model, u.provider_id, u.endpoint, u.outcome,
           -u.input_tokens, -u.cache_read_tokens, -u.cache_write_5m_tokens, -u.cache_write_1h_tokens,
           -u.input_audio_tokens, -u.input_image_tokens, -u.cache_read_audio_tokens, -u.output_tokens,
           -u.reasoning_tokens, -u.output_audio_tokens, -u.output_image_tokens,
           -u.charge_nano_credits, -u.charge_nano_credits, 0, 0, u.duration_ms, u.time_to_first_byte_ms, u.tags
      FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id
    UNION ALL
    SELECT c.organization_id, c.sequence, 1, u.place_time, u.group_path, u.member_id, u.api_key_id,
           u.requested_model, u.provider_id, u.endpoint, c.outcome,
           c.input_tokens, c.cache_read_tokens, c.cache_write_5m_tokens, c.cache_write_1h_tokens,
           c.input_audio_tokens, c.input_image_tokens, c.cache_read_audio_tokens, c.output_tokens,
           c.reasoning_tokens, c.output_audio_tokens, c.output_image_tokens,
           c.charge_nano_credits, c.charge_nano_credits, 1, c.delta_nano_credits, c.duration_ms, c.time_to_first_byte_ms, u.tags
      FROM usage_corrections c JOIN usage_records u ON u.hold_id = c.hold_id;

-- The hours of tagged calls once more, by all of their tags. Usage by a tag is what is here; what has no such tag is the rest of
-- `usage_hours`. So calls without tags add nothing, and many tags make no other question slower.
CREATE TABLE usage_tagged_hours (LIKE usage_hours);
ALTER TABLE usage_tagged_hours
    ADD COLUMN tags jsonb NOT NULL,
    ADD PRIMARY KEY (organization_id, generation, hour_start, member_id, api_key_id, model, status, endpoint, provider_id,
                     group_path, tags);
CALL divide_by_organization('usage_tagged_hours');
