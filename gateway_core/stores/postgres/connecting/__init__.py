"""How connections to PostgreSQL are made: to one of several servers, and through a pooler."""
