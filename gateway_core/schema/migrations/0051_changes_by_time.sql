-- What changed lately, in whichever organization, so that the follower of alerts reads that alone.
CREATE INDEX guardrails_by_time ON guardrails (update_time);
CREATE INDEX audit_log_by_time ON audit_log (create_time);
CREATE INDEX alert_positions_by_look ON alert_positions (next_look_time);
