"""Checks of exports that are made in the background."""
