"""Counts the members that have calls."""
