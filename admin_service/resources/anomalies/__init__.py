"""Unusual spend, and what people say about it."""
