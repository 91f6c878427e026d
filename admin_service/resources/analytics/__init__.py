"""Answers about usage and spend."""
