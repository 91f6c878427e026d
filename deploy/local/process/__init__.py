"""Starts, identifies and ends processes."""
