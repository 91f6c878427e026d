"""Keeps the access tokens of providers fresh. See README.md."""
