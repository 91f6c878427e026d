"""The schema of the database: migrations, roles and the command that applies them. See README.md."""
