"""Checks of usage reports."""
