-- The exports of schedules that ended lately, of which their creators get a notice.
CREATE INDEX usage_exports_ended ON usage_exports (end_time) WHERE schedule_id <> '' AND state IN ('SUCCEEDED', 'FAILED');
