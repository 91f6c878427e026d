"""Envoy: its files, its bootstrap and its process."""
