"""Brings the members of an organization to what a table says."""
