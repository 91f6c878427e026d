"""Places the holds of admitted calls in Redis and records them in PostgreSQL."""
