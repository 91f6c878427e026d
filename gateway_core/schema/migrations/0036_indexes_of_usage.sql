-- A list of few callers' calls reads their entries of an hour in the index, and then only their records. Without the member, it reads
-- every record of the hour. Records are added in about the order of time, so a wider entry costs settlement little; an index that
-- begins with the member would add to another page for each call.
DROP INDEX usage_records_by_time;
CREATE INDEX usage_records_by_time ON usage_records (organization_id, place_time, member_id);

-- Who used most in some days or months, and how many members used each model, is read from an index alone. What ranks by tokens reads
-- the rows.
DROP INDEX usage_days_by_day;
CREATE INDEX usage_days_by_day ON usage_days (organization_id, generation, scope_kind, day_start)
    INCLUDE (scope_id, model, call_count, voided_call_count, charge_nano_credits);
CREATE INDEX usage_months_by_month ON usage_months (organization_id, generation, scope_kind, scope_id, month_start)
    INCLUDE (member_id, call_count, voided_call_count, charge_nano_credits);

-- Only a vacuumed page is read from an index alone. By default, PostgreSQL vacuums when a fifth of the rows are new: after months.
ALTER TABLE usage_days SET (autovacuum_vacuum_insert_scale_factor = 0.005, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE usage_months SET (autovacuum_vacuum_insert_scale_factor = 0.005, autovacuum_vacuum_scale_factor = 0.02);
