-- Groups and organizations are limited in tokens per minute and calls at once too.
ALTER TABLE guardrails DROP CONSTRAINT throttles_members_and_keys;
