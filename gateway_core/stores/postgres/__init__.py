"""PostgreSQL, the system of record: connections, waiting for the schema, and the statements of each store."""
