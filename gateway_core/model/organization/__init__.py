"""Scopes, principals and API keys."""
