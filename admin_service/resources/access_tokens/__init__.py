"""Access tokens of users."""
