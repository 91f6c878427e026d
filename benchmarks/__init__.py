"""Measurements, apart from the suite."""
