"""Signing in with an identity provider: whose word counts, and which user a person is."""
