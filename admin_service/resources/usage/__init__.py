"""Findings about the usage reports of calls."""
