-- How large and how long model calls may be, beside how many there may be. The defaults are those of the program.
ALTER TABLE listener_limits
    ADD COLUMN request_body_bytes integer NOT NULL DEFAULT 33554432 CHECK (request_body_bytes > 0),
    ADD COLUMN call_idle_seconds integer NOT NULL DEFAULT 900 CHECK (call_idle_seconds > 0),
    ADD COLUMN call_duration_seconds integer NOT NULL DEFAULT 3600 CHECK (call_duration_seconds > 0);
