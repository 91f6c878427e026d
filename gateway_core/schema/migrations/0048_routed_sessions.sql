-- The conversation of each routed call, and a new arm: sessions that the baseline serves so that both can be compared.

ALTER TABLE routed_calls
    -- A keyed hash, the same for all calls of a conversation. NULL if it is not known.
    ADD COLUMN session text,
    DROP CONSTRAINT routed_calls_arm_check,
    ADD CONSTRAINT routed_calls_arm_check CHECK (arm IN ('ROUTED', 'HOLDOUT', 'SHADOW', 'BASELINE', 'OVERRIDDEN'));
