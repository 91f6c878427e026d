"""URLs of PostgreSQL and Redis, as settings have them."""
