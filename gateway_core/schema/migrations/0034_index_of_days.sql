-- The members with the most of any days are found among the rows of these days, not among those of the whole year.
CREATE INDEX usage_days_by_day ON usage_days (organization_id, generation, scope_kind, day_start);
