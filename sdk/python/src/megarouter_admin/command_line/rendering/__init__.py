"""Prints tables, facts and JSON."""
