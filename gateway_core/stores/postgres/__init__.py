"""PostgreSQL, the truth: connections, migrations, and the statements of each store."""
