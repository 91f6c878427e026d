-- Which deployment of a model served a call, and those that were tried before. Only calls to models with several deployments have them.
ALTER TABLE usage_records
    ADD COLUMN deployment text,
    ADD COLUMN failed_attempts text[];
COMMENT ON COLUMN usage_records.deployment IS 'The provider and its name of the model, of a model with several deployments.';
COMMENT ON COLUMN usage_records.failed_attempts IS 'The deployments that were tried before, each with a status or what happened: azure-eu/gpt-4o=429.';
