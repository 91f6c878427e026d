"""Replacing the pepper, as the admin API and the operator see it."""
