"""Places the hold of an admitted call in Redis and records it in PostgreSQL."""
