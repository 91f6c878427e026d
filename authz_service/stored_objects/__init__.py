"""Finds what a call names by an id of its provider, among what its caller may name."""
