"""Redis: fast counters for decisions, which can be rebuilt from PostgreSQL at any moment."""
