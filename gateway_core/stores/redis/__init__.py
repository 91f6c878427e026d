"""Redis: what decides quickly, rebuilt from PostgreSQL at any moment."""
