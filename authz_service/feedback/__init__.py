"""Ratings of answers by their callers."""
