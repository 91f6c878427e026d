"""Entries of model whitelists, checked against the catalog."""
