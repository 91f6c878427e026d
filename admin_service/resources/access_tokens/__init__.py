"""Access tokens: the users' bearer tokens for the admin API."""
