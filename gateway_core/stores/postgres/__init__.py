"""PostgreSQL, the truth: connections, waiting for the schema, and the statements of each store."""
