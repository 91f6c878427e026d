"""Finds spend that is out of the ordinary for a series, and measures how well that works on labeled data."""
