"""Scopes and bearer secrets."""
