"""Asks an index whether the pinned dependencies have known vulnerabilities."""
