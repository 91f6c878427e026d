"""Whose the ids are that answers hand out: recorded with each settlement, and forgotten when they expire."""
