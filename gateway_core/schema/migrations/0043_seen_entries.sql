-- What alerts have seen of the audit log. Entries are read again for half a minute, but what only has to know that there is something new
-- looks once.
ALTER TABLE alert_positions ADD COLUMN audit_seen bigint NOT NULL DEFAULT 0;
