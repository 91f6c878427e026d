"""Finds unusual spend of members, service accounts, keys and groups, explains it, and stores it."""
