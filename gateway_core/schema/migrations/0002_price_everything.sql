-- What costs money besides text: audio, images, uses of hosted tools, and special service. Records of before used none of it, or it was
-- not counted, so the defaults state what they say already.

ALTER TABLE usage_records
    ADD COLUMN input_audio_tokens bigint NOT NULL DEFAULT 0 CHECK (input_audio_tokens >= 0),
    ADD COLUMN input_image_tokens bigint NOT NULL DEFAULT 0 CHECK (input_image_tokens >= 0),
    ADD COLUMN cache_read_audio_tokens bigint NOT NULL DEFAULT 0 CHECK (cache_read_audio_tokens >= 0),
    ADD COLUMN output_audio_tokens bigint NOT NULL DEFAULT 0 CHECK (output_audio_tokens >= 0),
    ADD COLUMN output_image_tokens bigint NOT NULL DEFAULT 0 CHECK (output_image_tokens >= 0),
    -- Uses of hosted tools by the name of their fee, priced or not: {"web_search": 2}.
    ADD COLUMN uses jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(uses) = 'object'),
    -- The speed and the place of processing that the provider reported. Their price is part of the prices in charge_lines.
    ADD COLUMN speed text,
    ADD COLUMN place text;

ALTER TABLE usage_corrections
    ADD COLUMN input_audio_tokens bigint NOT NULL DEFAULT 0 CHECK (input_audio_tokens >= 0),
    ADD COLUMN input_image_tokens bigint NOT NULL DEFAULT 0 CHECK (input_image_tokens >= 0),
    ADD COLUMN cache_read_audio_tokens bigint NOT NULL DEFAULT 0 CHECK (cache_read_audio_tokens >= 0),
    ADD COLUMN output_audio_tokens bigint NOT NULL DEFAULT 0 CHECK (output_audio_tokens >= 0),
    ADD COLUMN output_image_tokens bigint NOT NULL DEFAULT 0 CHECK (output_image_tokens >= 0),
    ADD COLUMN uses jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(uses) = 'object'),
    ADD COLUMN speed text,
    ADD COLUMN place text;

COMMENT ON COLUMN usage_records.charge_lines IS
    '[[category, count, price, amount], ...]. Tokens are priced per million, uses (fee:<name>) each. The sum of the amounts is the charge.';
COMMENT ON COLUMN price_versions.prices IS
    'Nano-credits per million tokens by category, long-context prices, fees per use, and multipliers of tier, speed and place.';
