"""Finds spend that is out of the ordinary for a series."""
